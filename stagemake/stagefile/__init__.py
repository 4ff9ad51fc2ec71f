"""The language users write, and how a Stagefile becomes a registry of stages."""
