"""The work itself: plain functions of paths and tables, without any notion of a build."""
