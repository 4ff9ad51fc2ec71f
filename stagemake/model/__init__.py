"""The nouns of stagemake as frozen values. Nothing in here touches the disk."""
