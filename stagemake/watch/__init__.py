"""Building again whenever something changes: what to look at, when, and what to do then."""
