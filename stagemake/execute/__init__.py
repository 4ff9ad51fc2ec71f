"""Carrying out a plan: the scheduling loop and what happens when a stage settles."""
