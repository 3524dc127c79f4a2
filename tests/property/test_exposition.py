"""The text format under generated bodies."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from promscrape.errors import ParseError
from promscrape.exposition.columns import Columns
from promscrape.exposition.entries import SeriesEntry
from promscrape.exposition.number import canonical_float_text, format_float
from promscrape.exposition.scanner import TextScanner
from promscrape.exposition.switches import Switches
from promscrape.exposition.text_format import (
    OPENMETRICS_TEXT,
    PROMETHEUS_TEXT,
    TextFormat,
    parse,
)
from promscrape.model.sample import NO_TIMESTAMP, float_bits
from tests.support.columns import OneReader

names = st.sampled_from(["a", "a1", "ab", "b:c", "up", "_x"])
label_values = st.text(max_size=6).filter(lambda text: text.isprintable())
numbers = st.one_of(
    st.integers(-5, 10**18).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["NaN", "+Inf", "-Inf", "1e400", "0x1", "-0", ".5", "5.", "1_0", "x"]),
)
blanks = st.sampled_from(["", " ", "  ", "\t"])


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@st.composite
def sample_lines(draw: st.DrawFn) -> str:
    labels = draw(st.dictionaries(names, label_values, max_size=3))
    inner = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
    braces = draw(st.sampled_from(["", "{}"])) if not labels else f"{{{inner}}}"
    gap = draw(blanks)
    timestamp = draw(st.sampled_from(["", "", "", " 5", " 1700000000000"]))
    return f"{draw(names)}{braces}{gap}{draw(numbers)}{timestamp}"


lines = st.one_of(
    sample_lines(),
    sample_lines(),
    sample_lines(),
    names.map("# TYPE {} gauge".format),
    names.map("# TYPE {} histogram".format),
    names.map("# HELP {} some words".format),
    st.sampled_from(["", "# comment", " ", "#"]),
    st.text(max_size=8),
)
bodies = st.lists(lines, max_size=12).map(lambda parts: "\n".join(parts).encode())
garbage = st.binary(max_size=60)


FORMATS = [
    pytest.param(PROMETHEUS_TEXT, id="text"),
    pytest.param(OPENMETRICS_TEXT, id="openmetrics"),
]


@st.composite
def openmetrics_lines(draw: st.DrawFn) -> str:
    exemplar = draw(st.sampled_from(["", "", ' # {id="x"} 1', " # {} 0.5 7", " # {}"]))
    return draw(sample_lines()) + exemplar


openmetrics_bodies = st.lists(
    st.one_of(
        openmetrics_lines(),
        openmetrics_lines(),
        names.map("# TYPE {} counter".format),
        names.map("# TYPE {} histogram".format),
        names.map("# HELP {} some words".format),
        names.map("# UNIT {}_s s".format),
        st.sampled_from(["# EOF", "", "# comment"]),
    ),
    max_size=8,
).map(lambda parts: "\n".join([*parts, "# EOF\n"]).encode())


def reference(body: bytes, text_format: TextFormat) -> tuple[list[SeriesEntry], str | None]:
    """Return the samples of a body and the reason of its error, line by line."""
    found: list[SeriesEntry] = []
    try:
        found.extend(entry for entry in parse(body, text_format) if isinstance(entry, SeriesEntry))
    except ParseError as exc:
        return found, f"{exc.line}: {exc.reason}"
    return found, None


@pytest.mark.parametrize("text_format", FORMATS)
@settings(max_examples=300)
@given(data=st.data())
def test_a_scanner_reads_every_body_as_the_parser_does(
    text_format: TextFormat, data: st.DataObject
) -> None:
    """Whatever came before: the samples, their bits, their timestamps, the error and its line.

    Labels are those of the first time a series text was seen, as the cache keeps them (C7).
    """
    drawn = bodies if text_format is PROMETHEUS_TEXT else openmetrics_bodies
    scanner, texts = TextScanner(), dict[int, bytes]()
    for body in data.draw(st.lists(drawn, min_size=1, max_size=4)):
        entries, error = reference(body, text_format)
        columns = scanner.scan(body, text_format)
        fresh = iter(columns.new)
        for entry, series_id in zip(entries, columns.series, strict=True):
            if series_id not in texts:
                texts[series_id] = entry.key
                assert next(fresh).labels == entry.labels
            assert texts[series_id] == entry.key
        assert next(fresh, None) is None
        assert [float_bits(v) for v in columns.values] == [float_bits(e.value) for e in entries]
        assert [None if t == NO_TIMESTAMP else t for t in columns.timestamps or []] == (
            [e.t_ms for e in entries] if columns.timestamps is not None else []
        )
        assert columns.exemplars == {
            place: entry.exemplars for place, entry in enumerate(entries) if entry.exemplars
        }
        assert (columns.timestamps is None) == all(e.t_ms is None for e in entries)
        assert error == (columns.error and f"{columns.error.line}: {columns.error.reason}")


@pytest.mark.parametrize("text_format", FORMATS)
@given(data=st.data())
def test_skipping_bad_lines_does_not_depend_on_what_came_before(
    text_format: TextFormat, data: st.DataObject
) -> None:
    """A warm scan finds the samples and the bad lines that a cold one finds, and good ones as ever."""
    drawn = bodies if text_format is PROMETHEUS_TEXT else openmetrics_bodies
    warm = TextScanner()
    for body in data.draw(st.lists(drawn, min_size=1, max_size=4)):
        known = warm.scan(body, text_format, skip_bad_lines=True)
        cold = TextScanner().scan(body, text_format, skip_bad_lines=True)
        assert known.values.tobytes() == cold.values.tobytes()
        assert known.timestamps == cold.timestamps
        assert known.exemplars == cold.exemplars
        assert (known.bad_lines, known.bad_count) == (cold.bad_lines, cold.bad_count)
        assert str(known.error) == str(cold.error)
        strict = TextScanner().scan(body, text_format)
        assert bool(known.bad_count) == (strict.error is not None and not is_cut(strict))
        if not known.bad_count:
            assert known.values.tobytes() == strict.values.tobytes()


def is_cut(columns: Columns) -> bool:
    return str(columns.error) == "data does not end with # EOF"


@pytest.mark.parametrize("text_format", FORMATS)
@given(body=garbage)
def test_no_bytes_make_the_parser_raise_anything_else(text_format: TextFormat, body: bytes) -> None:
    """Nothing on the network is trusted: a ParseError or entries, and an end."""
    reference(body, text_format)
    TextScanner().scan(body, text_format)
    TextScanner().scan(body, text_format, skip_bad_lines=True)


@st.composite
def plain_bodies(draw: st.DrawFn) -> bytes:
    """Bodies that every parser takes: one family a line, no repeated names."""
    count = draw(st.integers(1, 6))
    out = []
    for index in range(count):
        labels = draw(st.dictionaries(st.sampled_from(["l1", "l2", "l3"]), label_values))
        inner = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
        value = draw(st.floats(allow_nan=False))
        out.append(f"m{index}{{{inner}}} {value!r}")
    return ("\n".join(out) + "\n").encode()


@given(plain_bodies())
def test_the_python_client_reads_the_same(body: bytes) -> None:
    """Agreement with prometheus_client's parser on what both accept."""
    theirs = [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    ]
    ours = []
    for entry in reference(body, PROMETHEUS_TEXT)[0]:
        labels = dict(entry.labels)
        ours.append((labels.pop("__name__"), labels, entry.value))
    assert ours == theirs


@given(st.floats(allow_nan=False))
def test_canonical_text_reads_back_and_is_stable(value: float) -> None:
    """N6: shortest digits, one form."""
    text = format_float(value)
    assert float(text) == value or (value == 0 and text == "0.0")
    assert canonical_float_text(text) == text
    assert math.isinf(value) or "." in text or "e" in text


@given(plain_bodies())
def test_the_python_client_reads_the_same_openmetrics(body: bytes) -> None:
    """As above, in OpenMetrics: the samples, and the end that says so."""
    body += b"# EOF\n"
    theirs = [
        (sample.name, sample.labels, sample.value)
        for family in openmetrics_families(body.decode())  # type: ignore[no-untyped-call]  # its omission
        for sample in family.samples
    ]
    ours = []
    for entry in reference(body, OPENMETRICS_TEXT)[0]:
        labels = dict(entry.labels)
        ours.append((labels.pop("__name__"), labels, entry.value))
    assert ours == theirs


@pytest.mark.parametrize("text_format", FORMATS)
@given(data=st.data(), switches=st.builds(Switches, *[st.booleans()] * 5))
def test_what_lines_mean_together_does_not_depend_on_what_came_before(
    text_format: TextFormat, data: st.DataObject, switches: Switches
) -> None:
    """Conversion, starts and labels of type and unit, by a reader that knows the target or not."""
    drawn = bodies if text_format is PROMETHEUS_TEXT else openmetrics_bodies
    warm = OneReader(switches)
    for body in data.draw(st.lists(drawn, min_size=1, max_size=4)):
        cold = OneReader(switches)
        known, fresh = warm.scan(body, text_format), cold.scan(body, text_format)
        assert str(warm.last.error) == str(cold.last.error)
        assert warm.last.values.tobytes() == cold.last.values.tobytes()
        assert [sample[2:] for sample in known] == [sample[2:] for sample in fresh]
        assert repr(warm.last.histograms) == repr(cold.last.histograms)
