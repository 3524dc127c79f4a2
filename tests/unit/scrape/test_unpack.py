"""Packed bodies, never unpacked beyond the bound."""

import gzip
import zlib

import pytest

from promscrape.errors import BodySizeLimitExceeded, FetchError
from promscrape.scrape.unpack import gunzip


def test_a_gzip_body_is_unpacked() -> None:
    """H14: the usual answer."""
    assert gunzip(gzip.compress(b"a 1\n" * 1000), 1 << 20) == b"a 1\n" * 1000


def test_several_members_are_one_body() -> None:
    """RFC 1952: as Go's reader has it."""
    assert gunzip(gzip.compress(b"a 1\n") + gzip.compress(b"b 2\n"), 100) == b"a 1\nb 2\n"


def test_a_body_at_the_limit_is_over_it() -> None:
    """H15, TC147: as many bytes as the limit fail."""
    packed = gzip.compress(b"x" * 15)
    assert gunzip(packed, 16) == b"x" * 15
    with pytest.raises(BodySizeLimitExceeded):
        gunzip(packed, 15)


def test_a_bomb_is_not_unpacked() -> None:
    """A gigabyte of zeros in a megabyte: only the limit's worth is ever made."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    with pytest.raises(BodySizeLimitExceeded):
        gunzip(bomb, 1 << 20)


@pytest.mark.parametrize("cut", [1, 8, 12])
def test_a_truncated_body_fails(cut: int) -> None:
    """H13: what came is not taken for the whole."""
    packed = gzip.compress(bytes(range(256)) * 10)
    with pytest.raises(FetchError, match="unexpected EOF"):
        gunzip(packed[:-cut], 1 << 20)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"a 1\n", "gzip: invalid header"),
        (gzip.compress(b"a 1\n") + b"trailing", "gzip: invalid header"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 40, "gzip: invalid data"),
    ],
)
def test_what_is_not_gzip_fails(body: bytes, error: str) -> None:
    """H14: corrupt data fails the scrape."""
    with pytest.raises(FetchError, match=error):
        gunzip(body, 1 << 20)


def test_a_corrupt_checksum_fails() -> None:
    """H14: the trailer is checked."""
    packed = bytearray(gzip.compress(b"a 1\n"))
    packed[-8] ^= 1
    with pytest.raises(FetchError, match="gzip: invalid data"):
        gunzip(bytes(packed), 100)
