"""How much memory an action took, as far as the system tells; asked by the supervisor."""

from __future__ import annotations

import resource
import sys

RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def peak_rss_bytes(usage: resource.struct_rusage) -> int:
    """Return the high-water mark, 0 when unknown.

    A program that needed less than this process is charged with what this process had when it
    spawned it.
    """
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(usage.ru_maxrss) * RSS_UNIT_BYTES if usage.ru_maxrss > own else 0
