"""Starting commands and functions and waiting for them, under one supervisor per build."""
