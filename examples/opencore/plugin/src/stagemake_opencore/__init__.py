"""Stages that make a boot loader's folder tree, and an image of it, from component archives."""

STAGES = ["opencore.gather", "opencore.edit", "opencore.assemble", "opencore.compile"]
