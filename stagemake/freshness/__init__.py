"""What is on disk and what was there before: signatures, journal, snapshot. Standard library only."""
