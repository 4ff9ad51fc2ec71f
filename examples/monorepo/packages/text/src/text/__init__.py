"""Words and how often they occur."""

from text.words import count_words, split_words

__all__ = ["count_words", "split_words"]
