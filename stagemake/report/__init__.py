"""Turning plans, events and errors into text, JSON and other things people read."""
