"""Ranking."""

from text import count_words


def top_words(text: str, limit: int) -> list[tuple[str, int]]:
    """Return the most frequent words with their counts; of equally frequent ones, by name."""
    counts = count_words(text)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
