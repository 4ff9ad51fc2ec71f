"""Names in the cache, and the seal of a record: nothing but what was sealed under this key comes out."""

from __future__ import annotations

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from stagemake.cache.envelope import (
    BLOB_PREFIX,
    OVERHEAD_BYTES,
    RECORD_PREFIX,
    digest_of,
    is_digest,
    is_key,
    is_value_name,
    seal,
    unseal,
)

DIGEST = "0123456789abcdef" * 2
KEY = RECORD_PREFIX + DIGEST


@given(st.binary(max_size=40))
def test_what_is_sealed_comes_out_under_its_key_only(body: bytes) -> None:
    sealed = seal(KEY, body)

    assert unseal(KEY, sealed) == body
    assert unseal(KEY[:-1] + "0", sealed) is None
    assert len(sealed) == OVERHEAD_BYTES + len(body)


@given(st.binary(max_size=40), st.data())
def test_no_byte_of_it_can_change(body: bytes, data: st.DataObject) -> None:
    good = seal(KEY, body)
    at = data.draw(st.integers(0, len(good) - 1), label="at")
    other = good[at] ^ data.draw(st.integers(1, 255), label="bits")

    assert unseal(KEY, good[:at] + bytes((other,)) + good[at + 1 :]) is None


@given(st.binary(max_size=40), st.binary(min_size=1, max_size=9), st.data())
def test_it_can_be_neither_cut_nor_longer(body: bytes, more: bytes, data: st.DataObject) -> None:
    good = seal(KEY, body)
    length = data.draw(st.integers(0, len(good) - 1), label="length")

    assert unseal(KEY, good[:length]) is None
    assert unseal(KEY, good + more) is None


def test_it_can_not_be_another_length_with_the_checksum_of_its_own() -> None:
    """The length is looked at too: whoever wrote one that doesn't fit wrote something else."""
    good = seal(KEY, b"body")

    assert unseal(KEY, good[:4] + (5).to_bytes(8, "little") + good[12:]) is None


def test_the_bytes_of_a_sealed_record_are_always_the_same() -> None:
    checksum = xxhash.xxh3_128_digest(f"act:{DIGEST}\0body".encode())

    assert seal(KEY, b"body") == b"SMA1" + (4).to_bytes(8, "little") + checksum + b"body"
    assert digest_of(b"") == "99aa06d3014798d86001c324468d497f"


NAME = "01/23/456789abcdef0123456789abcdef.val"
NO_DIGESTS = ["", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), DIGEST + "\n", " " + DIGEST, 5, None, DIGEST.encode(), b"x"]  # fmt: skip


@pytest.mark.parametrize("text", NO_DIGESTS, ids=repr)
def test_a_digest_is_a_text_of_32_hex_digits(text: object) -> None:
    assert is_digest(DIGEST)
    assert not is_digest(text)


@pytest.mark.parametrize(
    "text", [DIGEST, f"xyz:{DIGEST}", f"act:{DIGEST}0", f"act:{DIGEST}\n", f"act:{DIGEST[1:]}", KEY.encode(), None],
    ids=repr,
)  # fmt: skip
def test_a_key_has_one_of_two_prefixes(text: object) -> None:
    assert (RECORD_PREFIX, BLOB_PREFIX) == ("act:", "blob:")
    assert is_key(KEY)
    assert is_key(BLOB_PREFIX + DIGEST)
    assert not is_key(text)


@pytest.mark.parametrize(
    "text", ["", f"../{NAME}", f"/{NAME}", f"{NAME}/x", f"{NAME}\n", NAME.replace("/", "x"), NAME[:-4], NAME.encode(), None],
    ids=repr,
)  # fmt: skip
def test_a_value_name_leads_to_where_values_are_and_nowhere_else(text: object) -> None:
    assert is_value_name(NAME)
    assert not is_value_name(text)
