"""`python -m stagemake` is the `stagemake` command."""

from stagemake.door import script

if __name__ == "__main__":
    script()
