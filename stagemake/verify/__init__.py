"""Reruns stages apart from the project and compares what they make with what is recorded."""
