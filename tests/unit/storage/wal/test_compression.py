import cramjam
import pytest

from promscrape.errors import MalformedRecord
from promscrape.storage.wal.compression import (
    SNAPPY_FLAG,
    ZSTD_FLAG,
    Compression,
    compress,
    decompress,
)

ZEROS = bytes(1000)


@pytest.mark.parametrize(
    ("compression", "flag"),
    [(Compression.NONE, 0), (Compression.SNAPPY, SNAPPY_FLAG), (Compression.ZSTD, ZSTD_FLAG)],
)
def test_a_record_unpacks_to_itself(compression: Compression, flag: int) -> None:
    """Storage 2.6: a snappy block or a zstd frame a record, told apart by the flag."""
    packed, flags = compress(ZEROS, compression)
    assert flags == flag
    assert decompress(bytes(packed), flags) == ZEROS


def test_a_zstd_frame_that_does_not_give_its_size_unpacks() -> None:
    """RFC 8878: the content size is optional, and streaming writers leave it out."""
    compressor = cramjam.zstd.Compressor(level=3)
    compressor.compress(ZEROS)
    frame = bytes(compressor.finish())
    assert decompress(frame, ZSTD_FLAG) == ZEROS


@pytest.mark.parametrize("compression", [Compression.SNAPPY, Compression.ZSTD])
def test_a_small_record_that_claims_to_be_huge_is_refused(compression: Compression) -> None:
    """Design 6: nothing on disk is trusted, and sizes are bounded before memory is asked for."""
    packed, flags = compress(bytes(100_000), compression)
    with pytest.raises(MalformedRecord, match="exceeds the limit of 99999"):
        decompress(bytes(packed), flags, limit=99_999)


def test_an_endless_zstd_frame_stops_at_the_limit() -> None:
    """Where the frame does not give a size, the room that it may fill is what bounds it."""
    compressor = cramjam.zstd.Compressor(level=3)
    compressor.compress(bytes(100_000))
    with pytest.raises(MalformedRecord):
        decompress(bytes(compressor.finish()), ZSTD_FLAG, limit=50_000)


@pytest.mark.parametrize(
    ("flag", "payload"),
    [
        pytest.param(SNAPPY_FLAG, b"\xff" * 20, id="snappy: noise"),
        pytest.param(SNAPPY_FLAG, b"\x05ab", id="snappy: cut short"),
        pytest.param(ZSTD_FLAG, b"", id="zstd: nothing"),
        pytest.param(ZSTD_FLAG, b"\xff" * 20, id="zstd: noise"),
        pytest.param(ZSTD_FLAG, b"\x28\xb5\x2f\xfd\x00", id="zstd: magic number alone"),
    ],
)
def test_what_was_never_packed_is_refused(flag: int, payload: bytes) -> None:
    """Storage 2.8: a payload that does not unpack is a corruption, not a crash."""
    with pytest.raises(MalformedRecord):
        decompress(payload, flag)
