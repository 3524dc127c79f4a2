"""Classic histograms of text bodies as samples with custom bounds (S25 to S27)."""

import pytest

from promscrape.exposition.body_format import BodyFormat
from promscrape.exposition.switches import Switches
from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT
from promscrape.model.histogram import Histogram, Span
from tests.support.columns import OneReader, Read, read, values_of

CONVERTED = Switches(convert_classic=True)
BOTH = Switches(convert_classic=True, keep_classic=True)

TYPE = b"# TYPE h histogram\n"
LINES = b'h_bucket{le="1"} 1\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 4\nh_sum 5.5\nh_count 4\n'
CLASSIC = [
    ('h_bucket{le="1.0"}', 1.0),
    ('h_bucket{le="2.0"}', 3.0),
    ('h_bucket{le="+Inf"}', 4.0),
    ("h_sum", 5.5),
    ("h_count", 4.0),
]


def histograms(samples: list[Read]) -> list[tuple[str, Histogram]]:
    return [
        (sample.series, sample.value) for sample in samples if isinstance(sample.value, Histogram)
    ]


def series(samples: list[Read]) -> list[str]:
    return [sample.series for sample in samples]


def totals(samples: list[Read]) -> list[tuple[str, float, float]]:
    """Return the name, the count and the sum of each histogram."""
    return [(name, found.count, found.sum) for name, found in histograms(samples)]


@pytest.mark.parametrize(
    ("body_format", "end"), [(PROMETHEUS_TEXT, b""), (OPENMETRICS_TEXT, b"# EOF\n")]
)
def test_a_histogram_becomes_one_sample(body_format: BodyFormat, end: bytes) -> None:
    """TC070, S25: bounds are the finite ones, buckets count what is between them."""
    ((name, found),) = values_of(read(TYPE + LINES + end, body_format, CONVERTED))
    assert isinstance(found, Histogram)
    assert name == "h"
    assert (found.schema, found.custom_bounds, found.is_float) == (-53, (1.0, 2.0), False)
    assert list(found.positive_counts()) == [1, 2, 1]
    assert (found.positive_spans, found.count, found.sum) == ((Span(0, 3),), 4, 5.5)


def test_the_classic_series_may_stay() -> None:
    """TC071, section 6.8: the converted sample comes after them."""
    found = read(TYPE + LINES, PROMETHEUS_TEXT, BOTH)
    assert values_of(found)[:5] == CLASSIC
    assert totals(found) == [("h", 4, 5.5)]
    assert len(found) == 6


def test_what_is_no_histogram_is_passed_on() -> None:
    """TC072, S26: Prometheus loses it without a word (a quirk that section 13 leaves behind)."""
    body = TYPE + LINES.replace(b"h_count 4", b"h_count 5")
    found = read(body, PROMETHEUS_TEXT, CONVERTED)
    assert values_of(found) == [*CLASSIC[:-1], ("h_count", 5.0)]
    assert series(read(body, PROMETHEUS_TEXT, BOTH)) == [name for name, _ in CLASSIC]


def test_a_histogram_may_be_none_for_one_scrape() -> None:
    """The series of either form are the same before and after."""
    reader = OneReader(CONVERTED)
    good = reader.scan(TYPE + LINES, PROMETHEUS_TEXT)
    column = reader.last.series
    reader.scan(TYPE + LINES, PROMETHEUS_TEXT)
    assert reader.last.series is column
    bad = reader.scan(TYPE + LINES.replace(b"h_count 4", b"h_count 5"), PROMETHEUS_TEXT)
    assert series(bad) == [name for name, _ in CLASSIC]
    assert reader.scan(TYPE + LINES, PROMETHEUS_TEXT) == good


def test_only_the_numbers_are_looked_at_once_the_series_are_known() -> None:
    """The second scrape of the same series shares their column, and nothing is new."""
    reader = OneReader(BOTH)
    reader.scan(TYPE + LINES + b"other 1\n", PROMETHEUS_TEXT)
    column = reader.last.series
    again = LINES.replace(b"5.5", b"6").replace(b" 4\n", b" 9\n")
    found = reader.scan(TYPE + again + b"other 2\n", PROMETHEUS_TEXT)
    assert reader.last.series is column
    assert not reader.last.new
    assert totals(found) == [("h", 9, 6.0)]
    assert found[-1] == Read("other", 2.0)


def test_a_type_line_that_comes_late_converts_from_then_on() -> None:
    """N5, S26: the series are known already, and mean something else now."""
    reader = OneReader(CONVERTED)
    plain = LINES.replace(b'"1"', b'"1.0"').replace(b'"2"', b'"2.0"')
    assert values_of(reader.scan(plain, PROMETHEUS_TEXT)) == CLASSIC
    assert totals(reader.scan(TYPE + plain, PROMETHEUS_TEXT)) == [("h", 4, 5.5)]
    assert values_of(reader.scan(plain, PROMETHEUS_TEXT)) == CLASSIC


def test_each_label_set_is_a_histogram_of_its_own() -> None:
    """S26: the order of labels does not matter, what else stands there does."""
    body = TYPE + (
        b'h_bucket{a="1",b="2",le="+Inf"} 1\n'
        b'h_count{b="2",a="1"} 1\n'
        b'h_bucket{a="2",le="+Inf"} 2\n'
        b"x 5\n"
        b"h_sum 9\nh_count 3\n"
    )
    found = read(body, PROMETHEUS_TEXT, CONVERTED)
    assert totals(found) == [('h{a="1", b="2"}', 1, 0.0), ('h{a="2"}', 2, 0.0), ("h", 3, 9.0)]
    assert series(found) == ['h{a="1", b="2"}', 'h{a="2"}', "x", "h"]


def test_interleaved_label_sets_are_several_parts() -> None:
    """S26: a quirk that is kept."""
    lines = [b'h_bucket{a="%d",le="+Inf"} 1\n' % a for a in (1, 2, 1)]
    found = read(TYPE + b"".join(lines), PROMETHEUS_TEXT, CONVERTED)
    assert series(found) == ['h{a="1"}', 'h{a="2"}', 'h{a="1"}']


@pytest.mark.parametrize("line", [b"# HELP h again\n", b"# TYPE h histogram\n"])
def test_a_metadata_line_ends_a_histogram(line: bytes) -> None:
    """S26: whichever it is; a comment does not."""
    body = TYPE + b'h_bucket{le="+Inf"} 1\n' + line + b"h_count 1\n"
    assert len(read(body, PROMETHEUS_TEXT, CONVERTED)) == 2
    body = TYPE + b'h_bucket{le="+Inf"} 1\n# just a word\nh_count 1\n'
    assert len(read(body, PROMETHEUS_TEXT, CONVERTED)) == 1


@pytest.mark.parametrize(
    "lines",
    [
        b'h_bucket{le="foo"} 1\n',
        b'h_bucket{le="NaN"} 1\n',
        b"h_bucket 1\n",
        b"h_created 1\n",
        b"h_max 1\n",
        b"h 1\n",
        b"other_count 1\n",
    ],
)
def test_what_is_no_part_of_a_histogram_passes_through(lines: bytes) -> None:
    """S26: bounds that are none, and other suffixes."""
    found = read(TYPE + lines, PROMETHEUS_TEXT, CONVERTED)
    assert [sample.value for sample in found] == [1.0]
    found = read(TYPE + LINES + lines, PROMETHEUS_TEXT, CONVERTED)
    assert len(found) == 2


@pytest.mark.parametrize("type_", [b"gaugehistogram", b"summary", b"unknown"])
def test_other_types_are_not_converted(type_: bytes) -> None:
    """S26: gauge histograms neither."""
    body = b"# TYPE h " + type_ + b'\nh_bucket{le="+Inf"} 1\nh_count 1\n# EOF\n'
    assert series(read(body, OPENMETRICS_TEXT, CONVERTED)) == ['h_bucket{le="+Inf"}', "h_count"]


def test_a_histogram_has_the_timestamp_of_its_own_lines() -> None:
    """S27: Prometheus takes that of the line it happened to read last (section 13: deviate)."""
    body = TYPE + b'h_bucket{le="+Inf"} 1 5\nh_count 1 5\nother 1 9\nlast 1\n'
    found = read(body, PROMETHEUS_TEXT, CONVERTED)
    assert [(sample.series, sample.t_ms) for sample in found] == [
        ("h", 5),
        ("other", 9),
        ("last", None),
    ]


def test_a_histogram_has_the_timed_exemplars_of_its_lines() -> None:
    """S19, S20, S27: sorted; those without a time of their own are left out."""
    body = TYPE + (
        b'h_bucket{le="1"} 1 # {t="b"} 0.5 7\n'
        b'h_bucket{le="2"} 1 # {t="no"} 1.5\n'
        b'h_bucket{le="+Inf"} 2 # {t="a"} 9 3.5\n'
        b"# EOF\n"
    )
    (sample,) = read(body, OPENMETRICS_TEXT, CONVERTED)
    assert [(each.value, each.t_ms) for each in sample.exemplars] == [(9.0, 3500), (0.5, 7000)]
    assert len(read(body, OPENMETRICS_TEXT, BOTH)[0].exemplars) == 1


def test_a_body_without_histograms_is_left_alone() -> None:
    """The switch costs nothing where there is nothing to convert."""
    plain, converting = OneReader(), OneReader(CONVERTED)
    for reader in (plain, converting):
        reader.scan(b"# TYPE a gauge\na 1\nb 2\n", PROMETHEUS_TEXT)
    assert converting.last == plain.last
