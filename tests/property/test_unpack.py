"""Unpacking at once says what unpacking a piece at a time says."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promscrape.errors import BodySizeLimitExceeded, FetchError
from promscrape.scrape import unpack

BODIES = st.one_of(
    st.binary(max_size=200),
    st.integers(0, 5000).map(lambda size: b'a_total{x="y"} 1\n' * (size // 17)),
)


@st.composite
def packed_bodies(draw: st.DrawFn) -> bytes:
    """One member, with a few bytes changed now and then."""
    packed = bytearray(gzip.compress(draw(BODIES), draw(st.sampled_from([0, 1, 6]))))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(packed)))
        packed[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(packed)


def outcome(packed: bytes) -> bytes | str:
    try:
        return unpack.gunzip(packed, 1 << 24)
    except BodySizeLimitExceeded:
        return "too large"
    except FetchError as exc:
        return str(exc)


@settings(max_examples=500)
@given(packed_bodies())
def test_every_way_to_unpack_says_the_same(packed: bytes) -> None:
    """H13, H14: of bodies that are whole, cut, changed or followed by something."""
    at_once = outcome(packed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "_HAS_LIBDEFLATE", False)
        assert outcome(packed) == at_once
        patch.setattr(unpack, "_gunzip_at_once", lambda _, __: None)
        assert outcome(packed) == at_once
