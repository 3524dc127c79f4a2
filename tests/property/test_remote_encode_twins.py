"""The compiled encoder of remote write agrees with the plain one, which defines it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.histogram import Histogram
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.storage.remote._encode_py import Encoder as PlainEncoder
from tests.property.test_remote_encode import EXEMPLARS, ITEMS, METADATA
from tests.support.remote_series import columns_of, remote_series

encode_c = pytest.importorskip("promscrape.storage.remote._encode_c")

FLOAT_ITEMS = ITEMS.map(lambda items: [item for item in items if isinstance(item[1], float)])
NO_EXEMPLARS: st.SearchStrategy[dict[int, tuple[object]]] = st.just({})


@given(
    st.lists(st.one_of(ITEMS, FLOAT_ITEMS, FLOAT_ITEMS), min_size=1, max_size=3),
    st.dictionaries(st.integers(1, 30), METADATA),
    st.one_of(NO_EXEMPLARS, st.dictionaries(st.integers(0, 5), st.tuples(EXEMPLARS), max_size=3)),
    st.booleans(),
)
def test_the_encoders_write_the_same_bytes(
    requests: list[list[tuple[Labels, float | Histogram, int, int]]],
    known: dict[int, Metadata],
    exemplars: dict[int, tuple[object]],
    has_starts: bool,  # noqa: FBT001 - drawn
) -> None:
    """One request after the other: symbols get their numbers anew in each of them."""
    series = remote_series(metadata=known)
    plain, compiled = PlainEncoder(series), encode_c.Encoder(series)
    labels = list(dict.fromkeys(item[0] for items in requests for item in items))
    for items in requests:
        # All label sets first, so that one means the same ref in each of the requests.
        rows = [(one, 0.0, 0) for one in labels] + [(one, v, t_ms) for one, v, t_ms, _ in items]
        starts = [0] * len(labels) + [start for *_, start in items]
        columns = columns_of(
            series,
            rows,
            starts=starts if has_starts else None,
            exemplars={at: found for at, found in exemplars.items() if at < len(rows)},  # type: ignore[misc]  # drawn
        )
        assert compiled.encode_v1(columns) == plain.encode_v1(columns)
        assert compiled.encode_v2(columns) == plain.encode_v2(columns)
        assert compiled.described == plain.described
        for is_v2 in (False, True):
            assert compiled.pack(columns, is_v2=is_v2) == plain.pack(columns, is_v2=is_v2)


def test_columns_of_different_lengths_are_a_bug() -> None:
    """A value must never go to another series."""
    series = remote_series()
    one = columns_of(series, [(Labels.from_map({"a": "b"}), 1.0, 2)])
    one.values.append(2.0)
    with pytest.raises(ValueError, match="different lengths"):
        encode_c.Encoder(series).encode_v1(one)
