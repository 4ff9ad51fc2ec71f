"""What `stagemake bench` measures: how fast the tool takes a project's stages through, in a copy of it."""
