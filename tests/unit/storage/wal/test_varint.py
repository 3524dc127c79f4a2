import pytest

from promscrape.errors import MalformedRecord
from promscrape.model.varint import uvarint
from promscrape.storage.wal.varint import Cursor, signed, varint


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        ((1 << 64) - 1, "ffffffffffffffffff01"),
    ],
)
def test_a_uvarint_has_its_low_bits_first(number: int, encoded: str) -> None:
    """Storage, conventions: LEB128, low group first."""
    assert uvarint(number).hex() == encoded
    assert Cursor(bytes.fromhex(encoded)).uvarint() == number


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (-1, "01"),
        (1, "02"),
        (1000, "d00f"),
        (-(1 << 63), "ffffffffffffffffff01"),
        ((1 << 63) - 1, "feffffffffffffffff01"),
    ],
)
def test_a_varint_is_zigzagged(number: int, encoded: str) -> None:
    """Storage, conventions: (x << 1) ^ (x >> 63), then a uvarint."""
    assert varint(number).hex() == encoded
    assert Cursor(bytes.fromhex(encoded)).varint() == number


def test_deltas_wrap_at_64_bits() -> None:
    """A delta of two unsigned refs can need 65 bits; Go's subtraction wraps, and so do we."""
    far = (1 << 64) - 1
    assert varint(far) == varint(-1)
    assert signed(far) == -1


@pytest.mark.parametrize("encoded", [b"", b"\x80", b"\x80" * 11, b"\xff" * 9 + b"\x7f"])
def test_a_uvarint_that_does_not_end_or_fit_is_refused(encoded: bytes) -> None:
    """Storage 5.4: a decoder never loops and never reads outside its buffer."""
    with pytest.raises(MalformedRecord):
        Cursor(encoded).uvarint()


@pytest.mark.parametrize("encoded", [b"\x05ab", b"\xff\xff\xff\xff\x0fa", b""])
def test_a_text_longer_than_the_record_is_refused(encoded: bytes) -> None:
    """A length from disk is never believed."""
    with pytest.raises(MalformedRecord):
        Cursor(encoded).text()


def test_labels_are_passed_over_as_they_stand() -> None:
    """Storage 2.10: the log's encoding of a label set is the one that is kept in memory."""
    cursor = Cursor(bytes.fromhex("0101610162ff"))
    assert cursor.labels() == bytes.fromhex("0101610162")
    assert cursor.u8() == 0xFF
    assert cursor.at_end()
