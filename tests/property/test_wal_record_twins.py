"""The compiled codec of series and samples agrees with the plain one, which defines it."""

from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.errors import MalformedRecord
from promscrape.model import _label_store_py
from promscrape.model.labels import Labels
from promscrape.storage.wal import _record_py as plain
from tests.property.test_wal_record import (
    BITS,
    REFS,
    TIMES,
    refs_of_a_scrape,
    values_of,
)

compiled = pytest.importorskip("promscrape.storage.wal._record_c")
_label_store_c = pytest.importorskip("promscrape.model._label_store_c")


def outcome(work: Callable[[], object]) -> object:
    try:
        return work()
    except MalformedRecord as exc:
        return str(exc)


def columns_of(module: object, record: bytes) -> object:
    columns = module.SampleDecoder().decode(record)  # type: ignore[attr-defined]  # either twin
    values = columns.values()
    return columns.refs, columns.timestamps_ms(), columns.offsets_ms, values.tobytes()


def read_alike(record: bytes) -> None:
    assert outcome(lambda: columns_of(compiled, record)) == outcome(
        lambda: columns_of(plain, record)
    )


@given(refs_of_a_scrape(), TIMES, BITS)
def test_layouts_write_the_same_bytes(refs: list[int], t_ms: int, seed: int) -> None:
    """S4: whatever the distances between the refs; the same layout encodes again and again."""
    values = values_of(refs, seed)
    layout = compiled.SampleLayout(refs[0], array("Q", refs))
    expected = plain.SampleLayout(refs[0], refs).encode(values)
    assert layout.encode(values) == layout.encode(values) == expected
    assert layout.count == len(refs)
    record = plain.samples_head(refs[0], t_ms) + bytes(expected)
    assert layout.record(t_ms, values) == record
    assert plain.SampleLayout(refs[0], refs).record(t_ms, values) == record
    read_alike(record)


@given(st.lists(st.tuples(REFS, TIMES, BITS), min_size=1, max_size=60))
def test_samples_are_written_and_read_alike(rows: list[tuple[int, int, int]]) -> None:
    """Distances wrap at 64 bits in both directions."""
    refs, times, bits = zip(*rows, strict=True)
    values = array("d", array("Q", bits).tobytes())
    record = plain.encode_samples(refs, times, values)
    assert compiled.encode_samples(refs, times, values) == record
    read_alike(record)


@given(st.sampled_from([1, 2, 11]), st.binary(max_size=300))
def test_noise_is_refused_alike(type_: int, body: bytes) -> None:
    """The reason of a refusal is the same, and so is what is read where there is none."""
    record = bytes((type_,)) + body
    if type_ == 1:
        assert outcome(lambda: compiled.decode_series(record)) == outcome(
            lambda: plain.decode_series(record)
        )
    else:
        read_alike(record)


@given(refs_of_a_scrape(), BITS, st.data())
def test_changed_records_are_read_alike(refs: list[int], seed: int, data: st.DataObject) -> None:
    """Records near to good ones take other paths than noise does."""
    record = bytearray(plain.encode_samples(refs, [5] * len(refs), values_of(refs, seed)))
    record[data.draw(st.integers(1, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    del record[data.draw(st.integers(1, len(record))) :]
    read_alike(bytes(record))


def test_a_decoder_shares_the_refs_of_equal_records_only() -> None:
    """Readers tell by the identity of the refs that a record names the series of the last one."""
    decoder = compiled.SampleDecoder()
    records = [
        plain.encode_samples(refs, [t_ms] * 2, array("d", (1.0, 2.0)))
        for refs, t_ms in [((1, 2), 5), ((1, 2), 6), ((1, 3), 6)]
    ]
    first, second, other = (decoder.decode(record).refs for record in records)
    assert first is second
    assert list(other) == [1, 3]


def test_a_layout_refuses_another_number_of_values() -> None:
    """As the plain twin does: a value must never go to another series."""
    for module in (plain, compiled):
        with pytest.raises(ValueError, match="2"):
            module.SampleLayout(1, array("Q", (1, 2))).encode(array("d", (1.0,)))


@given(st.lists(st.tuples(REFS, st.dictionaries(st.text(max_size=3), st.text(max_size=3)))))
def test_series_of_a_store_are_written_as_others_are(
    series: list[tuple[int, dict[str, str]]],
) -> None:
    """S2: the record does not tell where the label sets lay."""
    wires = [Labels.from_map(labels).wire for _, labels in series]
    refs = array("Q", [ref for ref, _ in series])
    expected = plain.encode_series(zip(refs, wires, strict=True))
    for module, stores in ((plain, _label_store_py), (compiled, _label_store_c)):
        store = stores.LabelStore()
        rows = array("I", map(store.keep, wires))
        assert module.encode_kept_series(refs, store, rows) == expected
    with pytest.raises(IndexError):
        compiled.encode_kept_series(array("Q", [1]), store, array("I", [len(wires) + 9]))
    with pytest.raises(ValueError, match="as many refs"):
        compiled.encode_kept_series(array("Q", [1, 2]), store, array("I", [0]))
