import pytest

from promscrape.model.row_index import RowIndex


class SameHash(bytes):
    """A text that falls on the same slot as every other one."""

    def __hash__(self) -> int:
        return 14 << 10 | 1  # near the end of the slots, so that they wrap around


@pytest.fixture
def wires() -> list[bytes]:
    return [b"", *[SameHash(b"%d" % i) for i in range(1, 9)]]


def test_rows_with_one_hash_are_told_apart(wires: list[bytes]) -> None:
    """Also where their slots wrap around the end of the table."""
    index = RowIndex(wires)
    for row in range(1, 9):
        index.add(row)
    assert [index.find(wire) for wire in wires[1:]] == list(range(1, 9))
    assert index.find(SameHash(b"9")) == 0


@pytest.mark.parametrize("removed", range(1, 9))
def test_a_removal_closes_its_gap(wires: list[bytes], removed: int) -> None:
    """What stood behind it is still found."""
    index = RowIndex(wires)
    for row in range(1, 9):
        index.add(row)
    index.remove(removed)
    expected = [row if row != removed else 0 for row in range(1, 9)]
    assert [index.find(wire) for wire in wires[1:]] == expected
    assert len(index) == 7


def test_a_table_grows() -> None:
    """Well past its first slots, and in small pieces: none may take long."""
    wires = [b"", *[b"%d" % i for i in range(1, 50_001)]]
    index = RowIndex(wires)
    for row in range(1, 50_001):
        index.add(row)
    assert all(index.find(wires[row]) == row for row in range(1, 50_001))
    sizes = index.table_sizes
    assert 3 * len(index) <= 2 * sum(sizes)
    assert max(sizes) <= 256
