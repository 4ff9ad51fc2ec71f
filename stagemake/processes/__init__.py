"""What descends from a process: found, kept together, ended."""
