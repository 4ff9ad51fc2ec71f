"""The click command line; one file per command."""
