"""The action cache and the content store, their ports and their backends."""
