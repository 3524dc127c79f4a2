import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.errors import MalformedRecord
from promscrape.storage.wal.compression import Compression, compress
from promscrape.storage.wal.frame import PAGE_BYTES, frame, padding, unframe

SIZES = st.one_of(
    st.integers(0, 64),
    st.integers(PAGE_BYTES - 20, PAGE_BYTES + 20),
    st.integers(0, 200 << 10),
)
COMPRESSIONS = st.sampled_from(list(Compression))


def record_of(size: int, seed: int) -> bytes:
    """Return bytes half of which can be packed."""
    noise = random.Random(seed).randbytes(size // 2)
    return noise + bytes(size - len(noise))


def segment_of(records: list[bytes], compression: Compression, start: int = 0) -> bytes:
    segment = bytearray(start)
    for record in records:
        segment += frame(*compress(record, compression), len(segment))
    return bytes(segment)


def pages_of(segment: bytes) -> list[bytes]:
    return [segment[at : at + PAGE_BYTES] for at in range(0, len(segment), PAGE_BYTES)]


def read(segment: bytes) -> tuple[list[bytes], bool]:
    """Return the records up to the first bad byte, and whether there is one."""
    records: list[bytes] = []
    try:
        records.extend(found.record for found in unframe(pages_of(segment)))
    except MalformedRecord:
        return records, True
    return records, False


@given(st.lists(st.tuples(SIZES, st.integers(0, 9)), max_size=12), COMPRESSIONS)
def test_records_are_read_as_they_were_written(
    shapes: list[tuple[int, int]], compression: Compression
) -> None:
    """S16: of any size, packed or not, padded to the page or cut short."""
    records = [record_of(size, seed) for size, seed in shapes]
    segment = segment_of(records, compression)
    assert read(segment) == (records, False)
    assert read(segment + padding(len(segment))) == (records, False)


@pytest.mark.parametrize("compression", list(Compression))
def test_ten_thousand_small_records_are_read_as_they_were_written(compression: Compression) -> None:
    """S16: every way in which a header can meet the end of a page comes up."""
    rng = random.Random(16)
    records = [rng.randbytes(rng.randrange(40)) * rng.randrange(1, 4) for _ in range(10_000)]
    assert read(segment_of(records, compression)) == (records, False)


@given(st.integers(PAGE_BYTES - 40, PAGE_BYTES), st.integers(0, 60))
def test_a_record_can_start_anywhere_near_the_end_of_a_page(start: int, size: int) -> None:
    """S9, S10: with no byte left, some, or just enough for a header."""
    before = b"x" * (start - 7)
    segment = segment_of([before, record_of(size, 1), b"after"], Compression.NONE)
    assert read(segment) == ([before, record_of(size, 1), b"after"], False)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 9)), min_size=1, max_size=8),
    COMPRESSIONS,
    st.data(),
)
def test_a_changed_byte_costs_the_records_from_there_on_and_no_other(
    shapes: list[tuple[int, int]], compression: Compression, data: st.DataObject
) -> None:
    """Storage 2.8, 5.4: a reader never crashes, never loops, and never makes a record up."""
    records = [record_of(size, seed) for size, seed in shapes]
    segment = bytearray(segment_of(records, compression))
    at = data.draw(st.integers(0, len(segment) - 1))
    segment[at] ^= data.draw(st.integers(1, 255))
    found, _ = read(bytes(segment))
    starts = list(itertools.accumulate(_sizes(records, compression), initial=0))
    whole = sum(end <= at for end in starts[1:])
    assert found[:whole] == records[:whole]
    # The flags are outside the checksum: a change of them alone can leave one record that unpacks
    # to something else. What comes after a bad record is never read as one of the others.
    assert found in (
        records[: len(found)],
        [*records[:whole], *found[whole : whole + 1], *records[whole + 1 :]],
    )


def _sizes(records: list[bytes], compression: Compression) -> list[int]:
    return [7 + len(compress(record, compression)[0]) for record in records]


@given(st.lists(st.integers(0, 90_000), min_size=1, max_size=5), COMPRESSIONS, st.data())
def test_a_log_cut_anywhere_is_a_prefix(
    sizes: list[int], compression: Compression, data: st.DataObject
) -> None:
    """S31: a write that was torn costs the record it tore, and no other."""
    records = [record_of(size, i) for i, size in enumerate(sizes)]
    segment = segment_of(records, compression)
    cut = data.draw(st.integers(0, len(segment)))
    whole = sum(framed.end <= cut for framed in unframe(pages_of(segment)))
    found, _ = read(segment[:cut])
    # A header of which one byte is there reads, padded, as an empty record: it says nothing.
    assert found[:whole] == records[:whole]
    assert found[whole:] in ([], [b""], records[whole : whole + 1])


@given(st.binary(max_size=2000))
def test_noise_is_no_log(noise: bytes) -> None:
    """Storage 5.4: reading ends, and the one record without a checksum to guess is the empty one."""
    assert set(read(noise)[0]) <= {b""}
