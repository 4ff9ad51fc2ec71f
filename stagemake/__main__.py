"""`python -m stagemake` is the `stagemake` command."""

import sys

from stagemake.door import main

if __name__ == "__main__":
    sys.exit(main())
