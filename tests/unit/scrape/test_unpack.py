"""Packed bodies, never unpacked beyond the bound."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import cramjam
import pytest

from promscrape.errors import BodySizeLimitExceeded, FetchError
from promscrape.scrape import unpack
from promscrape.scrape.unpack import gunzip, unzstd


@pytest.fixture(params=[True, False], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule holds with libdeflate, and on platforms where it is not there."""
    if request.param and not unpack._HAS_LIBDEFLATE:
        pytest.skip("libdeflate is not installed")
    monkeypatch.setattr(unpack, "_HAS_LIBDEFLATE", request.param)


def test_a_gzip_body_is_unpacked() -> None:
    """H14: the usual answer."""
    assert gunzip(gzip.compress(b"a 1\n" * 1000), 1 << 20) == b"a 1\n" * 1000


def test_several_members_are_one_body() -> None:
    """RFC 1952: as Go's reader has it."""
    assert gunzip(gzip.compress(b"a 1\n") + gzip.compress(b"b 2\n"), 100) == b"a 1\nb 2\n"


def test_members_of_one_size_are_no_single_one() -> None:
    """RFC 1952: the size at the end of the bytes is that of the last member."""
    packed = gzip.compress(b"a 1\n") + gzip.compress(b"b 2\n")
    assert gunzip(packed, 1 << 20) == b"a 1\nb 2\n"


@pytest.mark.parametrize("size", [0, 3, 5, 1 << 32])
def test_the_size_that_a_body_claims_is_not_believed(size: int) -> None:
    """H13, H15: it is checked like all else, and no memory is set aside for it."""
    packed = gzip.compress(b"a 1\n")
    claiming = packed[:-4] + (size - (size >> 32)).to_bytes(4, "little")
    tracemalloc.start()
    try:
        with pytest.raises(FetchError):
            gunzip(claiming, 1 << 40)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("limit", [100, 1 << 20])
def test_no_body_is_nothing(limit: int) -> None:
    """H14: packed, too."""
    assert gunzip(gzip.compress(b""), limit) == b""


def test_a_body_at_the_limit_is_over_it() -> None:
    """H15, TC147: as many bytes as the limit fail."""
    packed = gzip.compress(b"x" * 15)
    assert gunzip(packed, 16) == b"x" * 15
    with pytest.raises(BodySizeLimitExceeded):
        gunzip(packed, 15)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gigabyte of zeros in a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()


def test_a_bomb_is_not_unpacked(bomb: bytes) -> None:
    """H15: only the limit's worth is ever made."""
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
        (gzip.compress(b"a 1\n", mtime=0) + b"trailing", "gzip: invalid header"),
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


def zstd(body: bytes) -> bytes:
    return bytes(cramjam.zstd.compress(body))


@pytest.mark.parametrize("body", [b"", b"a 1\n", b"a 1\n" * 100_000, bytes(range(256)) * 1000])
def test_a_zstd_body_is_unpacked(body: bytes) -> None:
    """Beyond H14: whatever it holds, and whatever its frame says of its size."""
    assert unzstd(zstd(body), 1 << 20) == body
    assert unzstd(zstd(body) + zstd(b"b 2\n"), 1 << 20) == body + b"b 2\n"


def test_a_zstd_body_at_the_limit_is_over_it() -> None:
    """H15: in the same way as with gzip."""
    packed = zstd(b"x" * 100_000)
    assert unzstd(packed, 100_001) == b"x" * 100_000
    for limit in (100_000, 99_999, 1):
        with pytest.raises(BodySizeLimitExceeded):
            unzstd(packed, limit)


@pytest.mark.parametrize("unpack", [gunzip, unzstd])
def test_a_bomb_fills_no_memory(unpack: Callable[[bytes, int], bytes]) -> None:
    """H15: 64 MiB of zeros cost about what the limit allows, whatever packed them."""
    body = bytes(64 << 20)
    bomb = gzip.compress(body) if unpack is gunzip else zstd(body)
    del body
    tracemalloc.start()
    try:
        with pytest.raises(BodySizeLimitExceeded):
            unpack(bomb, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [b"a 1\n", b"", zstd(b"a 1\n" * 100)[:-3], zstd(b"a") + b"x"])
def test_what_is_not_zstd_fails(packed: bytes) -> None:
    """H14: corrupt data fails the scrape; what came is not taken for the whole."""
    with pytest.raises(FetchError, match="zstd: invalid data"):
        unzstd(packed, 1 << 20)
