"""Splitting and counting."""

import re
from collections import Counter


def split_words(text: str) -> list[str]:
    """Return the words of a text, in lower case, in order."""
    return re.findall(r"[a-z']+", text.lower())


def count_words(text: str) -> Counter[str]:
    """Return how often each word occurs."""
    return Counter(split_words(text))
