from hypothesis import given
from hypothesis import strategies as st

from promscrape.storage.wal.wire_index import WireIndex

# Few label sets and small tables make them collide; the true is added and false removed.
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 2000)), max_size=400)


@given(STEPS)
def test_it_finds_what_a_dict_finds(steps: list[tuple[bool, int]]) -> None:
    """Storage 3.3: a label set is one series, through any growth and any removal."""
    wires, rows = [b""], dict[bytes, int]()
    index = WireIndex(wires)
    for is_added, number in steps:
        wire = b"%d" % number
        if is_added and wire not in rows:
            rows[wire] = len(wires)
            wires.append(wire)
            index.add(rows[wire])
        elif not is_added and wire in rows:
            index.remove(rows.pop(wire))
    assert len(index) == len(rows)
    assert {wire: index.find(wire) for wire in set(wires[1:])} == {
        wire: rows.get(wire, 0) for wire in set(wires[1:])
    }
