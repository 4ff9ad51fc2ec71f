"""JSON on one line, written many times: the encoder is made once. For the cache's records and past builds."""

from __future__ import annotations

import json
from json import encoder as parts
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def writer(*, sort_keys: bool) -> Callable[[Any], str]:  # Any: what JSON can hold
    """Return what gives a value as text: ASCII, no blanks, as `json.dumps` would.

    `JSONEncoder.encode` makes the inner encoder anew each time: half of 15 us for a record of the cache.
    A value that holds itself ends in a RecursionError.
    """
    plain = json.JSONEncoder(separators=(",", ":"), sort_keys=sort_keys)
    make = getattr(parts, "c_make_encoder", None)
    if make is None:  # an interpreter without it
        return plain.encode
    chunks = make(
        None, plain.default, parts.encode_basestring_ascii, None, ":", ",", sort_keys, False, True
    )

    def text(value: Any) -> str:
        return "".join(chunks(value, 0))

    return text
