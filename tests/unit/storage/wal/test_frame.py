import random

import pytest
from crc32c import crc32c

from promscrape.errors import MalformedRecord
from promscrape.storage.wal.compression import Compression, compress
from promscrape.storage.wal.frame import (
    HEADER_BYTES,
    MAX_FRAGMENT_BYTES,
    PAGE_BYTES,
    Framed,
    fragment_at,
    frame,
    padding,
    unframe,
)

SERIES_RECORD = bytes.fromhex("01000000000000000101085f5f6e616d655f5f016d")


def pages_of(segment: bytes) -> list[bytes]:
    return [segment[at : at + PAGE_BYTES] for at in range(0, len(segment), PAGE_BYTES)]


def framed_one_after_the_other(
    records: list[bytes], compression: Compression = Compression.NONE
) -> bytes:
    segment = bytearray()
    for record in records:
        segment += frame(*compress(record, compression), len(segment))
    return bytes(segment)


def fragment_types(segment: bytes) -> list[int]:
    """Return the type bytes of the fragments, with their flags."""
    types = []
    for page in pages_of(segment):
        at, padded = 0, page.ljust(PAGE_BYTES, b"\x00")
        while at < PAGE_BYTES and (fragment := fragment_at(padded, at)):
            types.append(fragment.type | fragment.flags)
            at += fragment.size
    return types


def test_the_checksum_is_castagnolis() -> None:
    """S1: the check value of CRC-32C."""
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(
    ("compression", "expected"),
    [
        (Compression.NONE, "010015288fad43" + SERIES_RECORD.hex()),
        (Compression.SNAPPY, "090014cd1f27f9150401000901300101085f5f6e616d655f5f016d"),
    ],
)
def test_a_record_on_an_empty_page_is_one_full_fragment(
    compression: Compression, expected: str
) -> None:
    """S3, storage 2.4: golden bytes; snappy is used because 20 bytes are less than 21."""
    assert frame(*compress(SERIES_RECORD, compression), 0).hex() == expected


def test_a_record_can_fill_its_page_to_the_last_byte() -> None:
    """S9, storage 2.5: 32761 bytes and a header are a page."""
    segment = frame(b"x" * 32761, 0, 0)
    assert len(segment) == PAGE_BYTES
    assert fragment_types(bytes(segment)) == [1]


def test_a_record_too_long_for_its_page_goes_on_on_the_next() -> None:
    """S9: 32762 bytes are a first fragment of 32761 and a last one of one byte."""
    segment = bytes(frame(b"x" * 32762, 0, 0))
    assert len(segment) == 32776
    assert fragment_types(segment) == [2, 4]


def test_with_seven_bytes_left_a_fragment_without_payload_ends_the_page() -> None:
    """S9: Prometheus writes an empty first fragment there, and readers accept it."""
    segment = framed_one_after_the_other([b"x" * 32754, b"abc"])
    assert segment[32761:PAGE_BYTES].hex() == "02000000000000"
    assert fragment_types(segment) == [1, 2, 4]
    assert [found.record for found in unframe(pages_of(segment))] == [b"x" * 32754, b"abc"]


def test_fewer_than_seven_bytes_become_zeros() -> None:
    """S10, storage 2.5: no header fits, so the next record starts on the next page."""
    segment = framed_one_after_the_other([b"x" * (32761 - 6), b"abc"])
    assert segment[PAGE_BYTES - 6 : PAGE_BYTES] == bytes(6)
    assert segment[PAGE_BYTES] == 1
    assert [found.record for found in unframe(pages_of(segment))] == [b"x" * 32755, b"abc"]


def test_a_record_that_packing_does_not_shrink_is_stored_as_it_is() -> None:
    """S11, storage 2.6: noise has no flag."""
    noise = random.Random(1).randbytes(1024)
    assert frame(*compress(noise, Compression.SNAPPY), 0)[0] == 1


@pytest.mark.parametrize("compression", [Compression.SNAPPY, Compression.ZSTD])
def test_all_fragments_carry_the_records_packing(compression: Compression) -> None:
    """S12, storage 2.4: a record of 100 KiB after packing has first, middle, middle, last."""
    rng = random.Random(2)
    record = b"".join(rng.randbytes(4) + bytes(4) for _ in range(25_600))
    segment = framed_one_after_the_other([record], compression)
    flag = 8 if compression is Compression.SNAPPY else 16
    types = fragment_types(segment)
    assert types == [2 | flag, *[3 | flag] * (len(types) - 2), 4 | flag]
    assert len(types) > 2
    assert [found.record for found in unframe(pages_of(segment))] == [record]


def test_an_empty_record_is_a_header() -> None:
    """S15, storage 2.5: it is read back as no bytes."""
    segment = bytes(frame(b"", 0, 0))
    assert len(segment) == HEADER_BYTES
    assert list(unframe([segment])) == [Framed(b"", 0, HEADER_BYTES)]


def test_a_record_knows_its_place() -> None:
    """Storage 3.5: repair cuts at the start of the first bad record."""
    segment = framed_one_after_the_other([b"abc", b"y" * 40_000, b"z"])
    places = [(found.start, found.end) for found in unframe(pages_of(segment))]
    assert places == [(0, 10), (10, 40_024), (40_024, 40_032)]


def test_a_page_is_completed_with_zeros() -> None:
    """Storage 2.7: at the end of a segment the last page is padded, a full one is not."""
    assert len(padding(10)) == PAGE_BYTES - 10
    assert padding(0) == padding(PAGE_BYTES) == b""


def broken(segment: bytes) -> tuple[list[bytes], str, int]:
    """Return the records before the first bad byte, the reason and the offset."""
    records: list[bytes] = []
    try:
        records.extend(found.record for found in unframe(pages_of(segment)))
    except MalformedRecord as exc:
        return records, exc.reason, exc.offset
    return records, "", -1


GOOD = bytes(frame(b"good", 0, 0))


def fragment(kind: int, payload: bytes) -> bytes:
    return (
        bytes((kind,))
        + len(payload).to_bytes(2, "big")
        + crc32c(payload).to_bytes(4, "big")
        + payload
    )


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        pytest.param(b"\x01\xff\xff" + bytes(4), "invalid record size 65535", id="size"),
        pytest.param(b"\x01\x00\x03" + bytes(4) + b"abc", "unexpected checksum", id="checksum"),
        pytest.param(fragment(3, b"a"), "unexpected middle record", id="middle first"),
        pytest.param(fragment(4, b"a"), "unexpected last record", id="last first"),
        pytest.param(fragment(2, b"a") + fragment(1, b"b"), "unexpected full record", id="full"),
        pytest.param(fragment(2, b"a") + fragment(2, b"b"), "unexpected first record", id="first"),
        pytest.param(fragment(5, b"a"), "unexpected type 5 record", id="type 5"),
        pytest.param(fragment(7, b"a"), "unexpected type 7 record", id="type 7"),
        pytest.param(b"\x00\x00\x01", "unexpected non-zero byte in padded page", id="padding"),
        pytest.param(fragment(2, b"a"), "last record is torn", id="torn"),
        pytest.param(fragment(2, b"a") + fragment(3, b"b"), "last record is torn", id="torn later"),
        pytest.param(fragment(9, b"\x05a"), "decompress record", id="not snappy"),
    ],
)
def test_the_first_byte_that_breaks_the_format_ends_the_segment(tail: bytes, reason: str) -> None:
    """Storage 2.8: what is corrupt, record by record; the offset is where the bad one starts."""
    records, found, offset = broken(GOOD + tail)
    assert records == [b"good"]
    assert found.startswith(reason)
    assert offset == len(GOOD)


def test_a_header_does_not_cross_its_page() -> None:
    """Storage 2.5: bytes of a type other than zero in a page's last six cannot be a header."""
    segment = bytes(frame(b"x" * (32761 - 6), 0, 0))[:-6] + b"\x01\x00\x00\x00\x00\x00"
    assert broken(segment)[1] == "record header crosses the end of its page"


def test_a_short_last_page_is_read_as_padded() -> None:
    """Storage 2.8: a writer that was killed had no time to complete its page."""
    assert broken(GOOD + bytes(3)) == ([b"good"], "", -1)


def test_a_header_that_was_torn_is_no_empty_fragment() -> None:
    """S31: padded with zeros, one byte of a last fragment's header would end the record early."""
    record = bytes(range(256)) * 256
    framed = bytes(frame(record, 0, 0))
    header = len(framed) - 7 - (len(record) - 2 * MAX_FRAGMENT_BYTES)
    torn = framed[: header + 1]
    pages = [torn[at : at + PAGE_BYTES] for at in range(0, len(torn), PAGE_BYTES)]
    with pytest.raises(MalformedRecord, match="end of the data"):
        list(unframe(pages))
