"""A first Stagefile for a directory: what is there, and which stages that amounts to. Runs nothing."""
