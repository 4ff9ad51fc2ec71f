"""Plugins: which are installed, what they bring, and whether that is what it should be."""
