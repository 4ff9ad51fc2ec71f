"""Hooks ready to register: structured logging, performance, progress, checkpoints. One module each."""
