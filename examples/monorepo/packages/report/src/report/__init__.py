"""The most frequent words of some texts."""

from report.top import top_words

__all__ = ["top_words"]
