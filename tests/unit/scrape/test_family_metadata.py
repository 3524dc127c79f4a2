"""What is known of each sample's family, worked out from what the last body had."""

from array import array
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from promscrape.exposition.columns import Columns
from promscrape.exposition.entries import MetadataEntry, TypeEntry
from promscrape.model.kept_labels import KeptLabels
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import METRIC_NAME, Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.scrape.family_metadata import MetadataColumn, belongs

FAMILIES = {
    "c": Metadata(MetricType.COUNTER, "count"),
    "h": Metadata(MetricType.HISTOGRAM, "spread"),
    "g": Metadata(MetricType.GAUGE, "level"),
}
NAMES = ["c", "c_total", "h", "h_bucket", "h_sum", "g", "stranger"]
"""A series' name follows from its id."""

Block = tuple[str, list[int]]
BLOCK = st.tuples(
    st.sampled_from([*FAMILIES, "unknown"]), st.lists(st.integers(0, 40), max_size=12)
)


def body_of(blocks: Sequence[Block]) -> Columns:
    ids, metadata_at = array("I"), dict[int, list[MetadataEntry]]()
    for family, own in blocks:
        kind = FAMILIES.get(family, Metadata()).type
        metadata_at.setdefault(len(ids), []).append(TypeEntry(family, kind))
        ids.extend(own)
    values = array("d", bytes(8 * len(ids)))
    lines = [entry for entries in metadata_at.values() for entry in entries]
    return Columns(ids, values, metadata=lines, metadata_at=metadata_at)


def name_of(series_id: int) -> str:
    return NAMES[series_id % len(NAMES)]


def labels_of(ids: "array[int]") -> KeptLabels:
    store = LabelStore()
    wires = [Labels.from_map({METRIC_NAME: name_of(at), "i": "x"}).wire for at in ids]
    rows = array("I", map(store.keep, wires))
    return KeptLabels(store, rows, array("I", range(len(ids))))


def expected_of(blocks: Sequence[Block]) -> list[Metadata | None]:
    expected: list[Metadata | None] = []
    for family, ids in blocks:
        metadata = FAMILIES.get(family)
        for series_id in ids:
            if metadata and not belongs(name_of(series_id), family, metadata.type):
                metadata = None
            expected.append(metadata)
    return expected


@given(bodies=st.lists(st.lists(BLOCK, max_size=5), min_size=1, max_size=5))
def test_what_was_known_of_the_last_body_changes_nothing(bodies: Sequence[Sequence[Block]]) -> None:
    """S21: a column is what the body alone says, whatever came before."""
    column = MetadataColumn(FAMILIES)
    for blocks in bodies:
        columns = body_of(blocks)
        ids = columns.series
        assert list(column.of(ids, labels_of(ids), None, columns)) == expected_of(blocks)


@given(blocks=st.lists(BLOCK, max_size=5))
def test_samples_that_are_left_out_have_no_place(blocks: Sequence[Block]) -> None:
    """A stranger that relabeling drops hides nothing, for its name is not looked at."""
    columns = body_of(blocks)
    keep = bytes(name_of(series_id) != "stranger" for series_id in columns.series)
    ids = array("I", [i for i in columns.series if name_of(i) != "stranger"])
    left = [(family, [i for i in own if name_of(i) != "stranger"]) for family, own in blocks]
    column = MetadataColumn(FAMILIES)
    for _ in range(2):
        assert list(column.of(ids, labels_of(ids), keep, columns)) == expected_of(left)
