"""The `_created` lines of OpenMetrics text as start timestamps (O20, O21)."""

import pytest

from promscrape.exposition.body_format import BodyFormat
from promscrape.exposition.switches import Switches
from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT
from tests.support.columns import OneReader, read

STARTS = Switches(start_timestamps=True)


def starts(
    lines: bytes, switches: Switches = STARTS, body_format: BodyFormat = OPENMETRICS_TEXT
) -> list[tuple[str, int]]:
    """Return the samples and their starts."""
    found = read(lines + b"# EOF\n", body_format, switches)
    return [(sample.series, sample.start_ms) for sample in found]


def test_without_the_feature_they_are_samples() -> None:
    """TC053, S16: two samples, and no start."""
    body = b"# TYPE a counter\na_total 1\na_created 12.5\n"
    assert starts(body, Switches()) == [("a_total", 0), ("a_created", 0)]


def test_a_created_line_is_the_start_of_its_family() -> None:
    """TC053: one sample that began at 12500."""
    assert starts(b"# TYPE a counter\na_total 1\na_created 12.5\n") == [("a_total", 12_500)]


def test_a_created_line_says_nothing_of_the_lines_behind_it() -> None:
    """TC054, O21: the view goes ahead only."""
    assert starts(b"# TYPE a counter\na_created 12.5\na_total 1\n") == [("a_total", 0)]


@pytest.mark.parametrize(
    ("labels", "start_ms"), [(b'{x="1",y="2"}', 12_500), (b'{y="2",x="1"}', 0)]
)
def test_the_order_of_labels_matters(labels: bytes, start_ms: int) -> None:
    """TC055: as in Prometheus."""
    body = b'# TYPE a counter\na_total{x="1",y="2"} 1\na_created' + labels + b" 12.5\n"
    assert starts(body) == [('a_total{x="1", y="2"}', start_ms)]


def test_gauges_may_be_called_created() -> None:
    """TC056: and families without a type, and text that is not OpenMetrics."""
    assert starts(b"# TYPE g_created gauge\ng_created 7\n") == [("g_created", 0)]
    assert starts(b"a_total 1\na_created 7\n") == [("a_total", 0), ("a_created", 0)]
    body = b"# TYPE a counter\na_total 1\na_created 7\n"
    assert starts(body, body_format=PROMETHEUS_TEXT) == [("a_total", 0), ("a_created", 0)]


def test_quantiles_and_bounds_do_not_tell_series_apart() -> None:
    """O20: a summary and a histogram have one start for all their lines."""
    body = (
        b'# TYPE s summary\ns{quantile="0.5"} 1\ns_count 2\ns_created 1\ns_sum 3\n'
        b'# TYPE h histogram\nh_bucket{a="b",le="1"} 1\nh_count{a="b"} 1\nh_created{a="b"} 2\n'
    )
    assert starts(body) == [
        ('s{quantile="0.5"}', 1000),
        ("s_count", 1000),
        ("s_sum", 1000),
        ('h_bucket{a="b", le="1.0"}', 2000),
        ('h_count{a="b"}', 2000),
    ]


def test_the_next_created_line_is_the_only_one_looked_at() -> None:
    """O20: where it is of another series, there is no start."""
    body = b'# TYPE a counter\na_total{i="1"} 1\na_total{i="2"} 1\na_created{i="2"} 2\n'
    assert starts(body) == [('a_total{i="1"}', 0), ('a_total{i="2"}', 2000)]


def test_a_metadata_line_ends_the_view() -> None:
    """O20: whichever it is."""
    body = b"# TYPE a counter\na_total 1\n# HELP a words\na_created 2\na_total 3\n"
    assert starts(body) == [("a_total", 0), ("a_total", 0)]


def test_another_name_in_between_defeats_it() -> None:
    """O21: the name of the last metadata line says how much of a name is the family's."""
    body = b"# TYPE a counter\n# HELP a_total words\na_total 1\na_created 2\n"
    assert starts(body) == [("a_total", 0)]


@pytest.mark.parametrize("value", [b"NaN", b"+Inf", b"1e300"])
def test_a_start_that_is_no_time_is_none(value: bytes) -> None:
    """O21: Prometheus makes something of it."""
    assert starts(b"# TYPE a counter\na_total 1\na_created " + value + b"\n") == [("a_total", 0)]


def test_only_the_numbers_are_looked_at_once_the_series_are_known() -> None:
    """The second scrape of the same series shares their column."""
    reader = OneReader(STARTS)
    body = b"# TYPE a counter\na_total 1\na_created 12.5\n# EOF\n"
    reader.scan(body, OPENMETRICS_TEXT)
    column = reader.last.series
    (sample,) = reader.scan(body.replace(b"12.5", b"13"), OPENMETRICS_TEXT)
    assert (sample.value, sample.start_ms) == (1.0, 13_000)
    assert reader.last.series is column
    assert not reader.last.new


def test_starts_stay_with_their_samples_when_histograms_are_converted() -> None:
    """S17: the converted sample begins when its lines did."""
    body = b'# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count 1\nh_created 2\nx 1\n'
    switches = Switches(start_timestamps=True, convert_classic=True)
    assert starts(body, switches) == [("h", 2000), ("x", 0)]


def test_types_and_units_are_those_in_force_where_a_series_stands() -> None:
    """S23: worked out where it is first seen."""
    body = (
        b"x 1\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
        b'a_seconds_total{__type__="mine"} 1\n# TYPE b unknown\nb{__type__="mine"} 1\n'
    )
    assert [name for name, _ in starts(body, Switches(type_and_unit_labels=True))] == [
        "x",
        'a_seconds_total{__type__="counter", __unit__="seconds"}',
        'b{__type__="mine"}',
    ]
