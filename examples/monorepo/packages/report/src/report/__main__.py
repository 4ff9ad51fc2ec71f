"""`python -m report LIMIT TEXT… > words.json`."""

import json
import sys
from pathlib import Path

from report.top import top_words


def main() -> None:
    """Print the top words of each text as JSON."""
    limit, *paths = sys.argv[1:]
    found = {Path(path).stem: top_words(Path(path).read_text(), int(limit)) for path in paths}
    print(json.dumps(found, indent=1))


main()
