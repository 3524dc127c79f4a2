"""Elements from templates unpack to what they stand for, whatever the rows and the values are."""

import random
from array import array
from collections.abc import Sequence
from types import ModuleType

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.labels import Labels
from promscrape.model.varint import uvarint
from promscrape.storage.remote import _template_py
from promscrape.storage.remote._template_py import END_MS, FIRST_MS, REACH
from promscrape.storage.remote.columns import Columns
from promscrape.storage.remote.encode import Encoder
from tests.property.test_remote_encode import BITS, LABELS, TEXTS
from tests.support.remote_series import columns_of, remote_series

template_c = pytest.importorskip("promscrape.storage.remote._template_c")

TWINS = pytest.mark.parametrize("twin", [_template_py, template_c], ids=["plain", "compiled"])

# Values as they come: many zeros, small integers, repetitions, and anything else.
VALUES = st.one_of(
    st.just(0),
    st.sampled_from([0x3FF0000000000000, 0x4059000000000000, 0x7FF0000000000002, 1 << 63, 1]),
    st.integers(0, 2000).map(lambda n: int.from_bytes(array("d", [float(n)]).tobytes(), "little")),
    BITS,
)
FAMILIES = st.builds(
    lambda name, common, key, values: [
        Labels.from_map({**common, "__name__": name, key: value}) for value in values
    ],
    TEXTS,
    st.dictionaries(TEXTS, TEXTS, max_size=3),
    TEXTS,
    st.lists(TEXTS, min_size=1, max_size=8, unique=True),
)
SERIES = st.one_of(
    st.lists(LABELS, min_size=1, max_size=20),
    st.lists(FAMILIES, min_size=1, max_size=4).map(
        lambda all_: [one for some in all_ for one in some]
    ),
)
TIMES = st.integers(FIRST_MS, END_MS - 1)


def doubles(bits: Sequence[int]) -> "array[float]":
    return array("d", array("Q", bits).tobytes())


def rows_of(labels: Sequence[Labels]) -> tuple[Encoder, "array[int]"]:
    series = remote_series()
    columns = columns_of(series, [(one, 0.0, 0) for one in labels])
    return Encoder(series), columns.rows


def message_of(encoder: Encoder, rows: "array[int]", values: "array[float]", t_ms: int) -> bytes:
    return encoder.encode_v1(Columns(rows, array("q", [t_ms]) * len(rows), values))


def without_values(encoder: Encoder, rows: "array[int]") -> bytes:
    return message_of(encoder, rows, doubles([0] * len(rows)), 0)


def unpacked(elements: bytes, size: int) -> bytes:
    return bytes(cramjam.snappy.decompress_raw(uvarint(size) + elements))


@TWINS
@given(SERIES, st.data())
def test_the_rows_of_a_template_are_what_the_encoder_makes(
    twin: ModuleType, labels: list[Labels], data: st.DataObject
) -> None:
    """Request after request of the same series, each with other values and another time."""
    encoder, rows = rows_of(labels)
    template = twin.Template()
    assert template.add(without_values(encoder, rows), 0)
    assert template.rows == len(rows)
    for _ in range(3):
        values = doubles(data.draw(st.lists(VALUES, min_size=len(rows), max_size=len(rows))))
        t_ms = data.draw(TIMES)
        count = data.draw(st.integers(0, len(rows)))
        elements, size = template.elements(values[:count], 0, t_ms)
        wanted = message_of(encoder, rows[:count], values[:count], t_ms)
        assert size == len(wanted)
        assert unpacked(elements, size) == wanted


def many(seed: int, count: int) -> tuple[random.Random, list[Labels]]:
    """Return series as an exporter has them: families of different sizes, with common labels."""
    rng = random.Random(seed)
    labels = list[Labels]()
    while len(labels) < count:
        name, key = f"family_{rng.randrange(1000)}_total", rng.choice(["cpu", "device", "le"])
        common = {"instance": "host:9100", "job": "j" * rng.choice([1, 4, 80, 300])}
        labels += [
            Labels.from_map({**common, "__name__": name, key: f"v{n}{'x' * rng.randrange(40)}"})
            for n in range(rng.randrange(1, 60))
        ]
    return rng, labels[:count]


@TWINS
@pytest.mark.parametrize("seed", range(20))
def test_any_rows_that_follow_each_other_can_be_written(twin: ModuleType, seed: int) -> None:
    """Batches are cut where they are full: what would be copied from before is spelled out."""
    rng, labels = many(seed, 700)
    encoder, rows = rows_of(labels)
    template = twin.Template()
    known = 0
    while known < len(rows):  # in steps, as a long array is added
        back, step = min(known, REACH), rng.choice([100, 300])
        assert template.add(without_values(encoder, rows[known - back : known + step]), back)
        known = template.rows
    kinds = [0, 0x3FF0000000000000, 0x4059000000000000, 0x7FF8000000000001]
    bits = [rng.choice([*kinds, rng.getrandbits(64)]) for _ in rows]
    for _ in range(40):
        for _ in range(rng.choice([0, 1, 5, 700])):  # from some requests to the next, zeros stay
            bits[rng.randrange(len(rows))] = rng.choice([*kinds, rng.getrandbits(64)])
        place = rng.choice([0, rng.randrange(len(rows))])
        end = rng.choice([len(rows), rng.randrange(place, len(rows) + 1)])
        values, t_ms = doubles(bits[place:end]), rng.randrange(FIRST_MS, END_MS)
        given_ = min(REACH, end - place) if place else 0
        begin = without_values(encoder, rows[place : place + given_])
        elements, size = template.elements(values, place, t_ms, begin)
        whole = message_of(encoder, rows[place:end], values, t_ms)
        assert size == len(whole)
        assert unpacked(elements, size) == whole


@TWINS
def test_rows_that_are_too_long_or_empty_have_no_template(twin: ModuleType) -> None:
    """They are encoded and packed each time, as all others are."""
    encoder, rows = rows_of([Labels.from_map({"a": "b"}), Labels.from_map({"a": "x" * 8000})])
    template = twin.Template()
    assert not template.add(without_values(encoder, rows), 0)
    assert not template.add(b"\x0a\x02\x12\x00", 0)
    assert not template.add(without_values(encoder, rows[:1]) + bytes(1 << 24), 0)
    assert template.rows == 0
    assert template.add(without_values(encoder, rows[:1]), 0)
    assert template.rows == 1


@TWINS
@pytest.mark.parametrize(
    ("message", "known"),
    [
        (b"\x0b\x02\x12\x00", 0),
        (b"\x0a", 0),
        (b"\x0a\x80", 0),
        (b"\x0a\x01\x00", 0),
        (b"\x0a\x05\x12\x00", 0),
        (b"\x0a\x04ab\x12\x01", 0),
        (b"\x0a\x04ab\x12\x00", 2),
    ],
)
def test_other_messages_are_a_bug(twin: ModuleType, message: bytes, known: int) -> None:
    """A template of anything but labels would make rows of it."""
    with pytest.raises(ValueError, match="no message of rows"):
        twin.Template().add(message, known)


@TWINS
@pytest.mark.parametrize(
    ("count", "place", "t_ms", "error"),
    [
        (201, 0, FIRST_MS, "rows"),
        (1, 200, FIRST_MS, "rows"),
        (1, -1, FIRST_MS, "rows"),
        (1, 0, FIRST_MS - 1, "time"),
        (1, 0, END_MS, "time"),
    ],
)
def test_what_is_not_there_is_a_bug(
    twin: ModuleType, count: int, place: int, t_ms: int, error: str
) -> None:
    """A value must never go to another series."""
    _, labels = many(1, 200)
    encoder, rows = rows_of(labels)
    template = twin.Template()
    assert template.add(without_values(encoder, rows), 0)
    with pytest.raises(ValueError, match=rf"{error}.* not have"):
        template.elements(doubles([0] * count), place, t_ms)


@TWINS
@pytest.mark.parametrize("labels", [b"", b"\x0a\x02\x12\x00", b"\x0a\x05a\x12\x00"])
def test_other_labels_than_those_of_the_rows_are_a_bug(twin: ModuleType, labels: bytes) -> None:
    """They would be written in place of the series' own."""
    _, all_labels = many(1, 200)
    encoder, rows = rows_of(all_labels)
    template = twin.Template()
    assert template.add(without_values(encoder, rows), 0)
    begin = without_values(encoder, rows[7:9])
    for wrong in (labels, begin[:-1], begin + begin):
        with pytest.raises(ValueError, match=r"labels|no message"):
            template.elements(doubles([1, 2]), 7, FIRST_MS, wrong)
    with pytest.raises(ValueError, match="labels"):
        template.elements(doubles([1, 2]), 0, FIRST_MS, begin)


@TWINS
def test_the_same_series_twice_in_a_row_are_two(twin: ModuleType) -> None:
    """4.3: relabeling can make them so; here all of a row is a copy, whatever its length is."""
    for size in range(1, 140):
        labels = Labels.from_map({"__name__": "x" * size})
        encoder, rows = rows_of([labels])
        template, rows = twin.Template(), rows * 5
        assert template.add(without_values(encoder, rows), 0)
        for bits in ([7] * 5, [1 << 62] * 5, [0, 0, 7, 7, 7 << 50], [7, 7 << 8, 0, 7, 7]):
            wanted = message_of(encoder, rows, doubles(bits), FIRST_MS)
            assert unpacked(*template.elements(doubles(bits), 0, FIRST_MS)) == wanted
