"""The Prometheus text format, entry by entry."""

import pytest

from promscrape.errors import ParseError
from promscrape.exposition.entries import Entry, HelpEntry, SeriesEntry, TypeEntry
from promscrape.exposition.text_format import parse
from promscrape.model.metadata import MetricType


def series(body: bytes) -> list[tuple[dict[str, str], float, int | None]]:
    """Return the samples of a body, without their keys."""
    return [
        (dict(entry.labels), entry.value, entry.t_ms)
        for entry in parse(body)
        if isinstance(entry, SeriesEntry)
    ]


def entries_before_error(body: bytes) -> tuple[list[Entry], ParseError]:
    found: list[Entry] = []
    with pytest.raises(ParseError) as caught:
        found.extend(parse(body))
    return found, caught.value


def only(body: bytes) -> dict[str, str]:
    ((labels, _, _),) = series(body)
    return labels


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"a 1", [("a", 1.0, None)], id="TC001-no-final-newline"),
        pytest.param(b"\n\na 1\n \t\nb 2\n", [("a", 1.0, None), ("b", 2.0, None)], id="TC002"),
        pytest.param(b"a\t 1 \t 5 \n", [("a", 1.0, 5)], id="TC004-blanks"),
        pytest.param(b"a-1\n", [("a", -1.0, None)], id="TC027-no-blank-before-value"),
        pytest.param(b'{"a"}1\n', [("a", 1.0, None)], id="P15-brace-before-value"),
        pytest.param(b" a 1\n", [("a", 1.0, None)], id="P5-deviation-leading-blank"),
        pytest.param(b"a 1 0007\n", [("a", 1.0, 7)], id="P16-leading-zeros"),
        pytest.param(b"a 1 0\n", [("a", 1.0, 0)], id="S1-zero-is-a-timestamp"),
        pytest.param(b"# a comment \xff\na 1\n", [("a", 1.0, None)], id="P7-comment-not-utf8"),
    ],
)
def test_sample_lines(body: bytes, expected: list[tuple[str, float, int | None]]) -> None:
    """P3 to P16: what separates tokens, and what may be left out."""
    assert [(labels["__name__"], value, t) for labels, value, t in series(body)] == expected


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        pytest.param(
            rb'a{b="x\\y\"z\nq\t"} 1', {"b": 'x\\y"z\nq\\t'}, id="TC011-escapes-left-to-right"
        ),
        pytest.param(b'a{b="x\ny"} 1', {"b": "x\ny"}, id="TC012-raw-newline"),
        pytest.param(b'a{b="c",} 1', {"b": "c"}, id="TC013-trailing-comma"),
        pytest.param(b'a{b="c" d="e"} 1', {"b": "c", "d": "e"}, id="TC014-missing-comma"),
        pytest.param(b'a{b="c"d="e"} 1', {"b": "c", "d": "e"}, id="P13-nothing-between"),
        pytest.param(b'a { b = "c" , d = "e" } 1', {"b": "c", "d": "e"}, id="P4-blanks"),
        pytest.param(b"a{} 1", {}, id="P13-empty-braces"),
        pytest.param(b"a{ } 1", {}, id="P13-blank-braces"),
        pytest.param(b'a{"k.v"="1"} 1', {"k.v": "1"}, id="P13-quoted-label-name"),
        pytest.param(b'a{b=""} 1', {"b": ""}, id="empty-value"),
        pytest.param('a{b="é"} 1'.encode(), {"b": "é"}, id="utf8"),
    ],
)
def test_labels(body: bytes, labels: dict[str, str]) -> None:
    """P13, P14: the label list in all its forms."""
    assert only(body) == {"__name__": "a", **labels}


def test_the_quoted_metric_name_may_stand_anywhere_in_the_list() -> None:
    """TC016: one series, but two texts, hence two cache entries."""
    first, second = parse(b'{"my.metric",env="p"} 1\n{env="p","my.metric"} 1\n')
    assert isinstance(first, SeriesEntry)
    assert isinstance(second, SeriesEntry)
    assert dict(first.labels) == dict(second.labels) == {"__name__": "my.metric", "env": "p"}
    assert (first.key, second.key) == (b'{"my.metric",env="p"}', b'{env="p","my.metric"}')


def test_a_name_given_twice_stays_twice() -> None:
    """TC031, S10: the parser leaves it to the storage to refuse."""
    (entry,) = parse(b'a{b="1",b="2"} 1\n')
    assert isinstance(entry, SeriesEntry)
    assert entry.labels == (("__name__", "a"), ("b", "1"), ("b", "2"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"a 1\r\n", r'strconv.ParseFloat: parsing "1\r": invalid syntax', id="TC003"),
        pytest.param(b"a 1 -5\n", "expected timestamp or new record", id="TC005-sign"),
        pytest.param(b"a 1 5.0\n", "expected next entry after timestamp", id="TC005-point"),
        pytest.param(b"a 1 +5\n", "expected timestamp or new record", id="TC005-plus"),
        pytest.param(b"a 1 9223372036854775808\n", "value out of range", id="TC006"),
        pytest.param(b"a{,} 1\n", "expected label name", id="TC013-leading-comma"),
        pytest.param(b'a{b="c",,} 1\n', "expected label name", id="TC013-two-commas"),
        pytest.param(b'a{x:y="1"} 1\n', "expected equal", id="TC015"),
        pytest.param(b'{"a","b"} 1\n', "metric name already set", id="TC017"),
        pytest.param(b'a{"b"} 1\n', "metric name already set", id="TC017-bare-and-quoted"),
        pytest.param(b'{x="1"} 1\n', "metric name not set", id="TC018"),
        pytest.param(b"{} 1\n", "metric name not set", id="TC018-empty"),
        pytest.param(b'a{b="\xff"} 1\n', "invalid UTF-8 label value", id="TC021"),
        pytest.param(b"a 1 # hello\n", "expected timestamp or new record", id="TC022"),
        pytest.param(b"# TYPE a counter \n", "invalid metric type", id="TC023-trailing-blank"),
        pytest.param(b"# TYPE a  counter\n", "invalid metric type", id="TC023-two-blanks"),
        pytest.param(b"# TYPE a unknown\n", 'invalid metric type "unknown"', id="TC023-unknown"),
        pytest.param(b"# TYPE a Counter\n", "invalid metric type", id="P10-case"),
        pytest.param(b"# TYPE a\n", 'invalid metric type ""', id="P10-empty"),
        pytest.param(b"# HELP a \xff\n", "is not a valid utf8 string", id="P9"),
        pytest.param(b"# HELP 1 x\n", "expected metric name after HELP", id="P7-no-name"),
        pytest.param(b"\x00rubbish\n", "expected a valid start token", id="TC028-P6-deviation"),
        pytest.param(b"#\x00rubbish\n", "expected a valid start token", id="P6-in-a-comment"),
        pytest.param(b"%%%\n", 'expected a valid start token, got "%" ("INVALID")', id="TC032"),
        pytest.param(b"a\n", "expected value after metric", id="no-value"),
        pytest.param(b'a{b="c"}{d="e"} 1\n', "expected value after metric", id="two-label-sets"),
        pytest.param(b"a{b=c} 1\n", "expected label value", id="unquoted-value"),
        pytest.param(b'a{b="c\n', "expected label value", id="unclosed-quote"),
        pytest.param(b'a{b="c"\n', "expected label name", id="unclosed-brace"),
        pytest.param(b"\xef\xbb\xbfa 1\n", "expected a valid start token", id="P3-no-bom"),
        pytest.param(b"\x0ba 1\n", "expected a valid start token", id="P4-vertical-tab"),
    ],
)
def test_a_bad_line_ends_the_body_with_its_reason(body: bytes, reason: str) -> None:
    """P2, P17: what came before stands, and the text is the one that people search for."""
    found, error = entries_before_error(b"good 1\n" + body + b"later 1\n")
    assert [entry.key for entry in found if isinstance(entry, SeriesEntry)] == [b"good"]
    assert reason in error.reason
    assert error.line == 2


def test_an_error_about_a_huge_line_stays_short() -> None:
    """A target that sends a megabyte of garbage on one line must not fill the log with it."""
    _, error = entries_before_error(b'a{b="' + b"x" * 1_000_000 + b'"\n')
    assert len(error.reason) < 300


def test_an_empty_quoted_name_parses() -> None:
    """TC019, P14: it fails later, for want of a metric name."""
    assert only(b'{""} 1\n') == {"__name__": ""}


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        pytest.param(rb"# HELP a l1\nl2\\x\"", HelpEntry("a", 'l1\nl2\\x\\"'), id="TC024"),
        pytest.param(b"# HELP a-b x", HelpEntry("a", "b x"), id="TC026-any-separator"),
        pytest.param(b"# HELP a   b  ", HelpEntry("a", "  b  "), id="P8-blanks-kept"),
        pytest.param(b"# HELP a    ", HelpEntry("a", ""), id="P8-only-blanks"),
        pytest.param(b"# HELP a", HelpEntry("a", ""), id="P8-nothing"),
        pytest.param(b'# HELP "a.b" x', HelpEntry("a.b", "x"), id="P8-quoted"),
        pytest.param(rb'# HELP "a\"b" x', HelpEntry(r"a\"b", "x"), id="P8-no-unescaping"),
        pytest.param(b"#\t HELP \ta x", HelpEntry("a", "x"), id="P7-blanks"),
        pytest.param(b"# HELP a x\r", HelpEntry("a", "x\r"), id="P3-carriage-return"),
        pytest.param(b"# HELP a x\x00y", HelpEntry("a", "x\x00y"), id="P6-nul-in-help"),
        pytest.param(b"# TYPE a untyped", TypeEntry("a", MetricType.UNKNOWN), id="P10-untyped"),
        pytest.param(b"# TYPE a summary", TypeEntry("a", MetricType.SUMMARY), id="P10-summary"),
    ],
)
def test_metadata_lines(line: bytes, entry: Entry) -> None:
    """P7 to P10: what a HELP or TYPE line says."""
    assert list(parse(line + b"\n")) == [entry]


def test_what_only_looks_like_metadata_is_a_comment() -> None:
    """TC025, P7: also UNIT and EOF, which are OpenMetrics's."""
    body = b"# HELP\n# TYPE\n#x\n# EOF\n# HELPx y\n# UNIT a b\na 1\n"
    assert [entry for entry in parse(body) if not isinstance(entry, SeriesEntry)] == []
    assert len(series(body)) == 1


def test_the_last_type_decides_about_le_whatever_follows_it() -> None:
    """TC029, N5: the leak onto the next family is part of series identity."""
    body = b'# TYPE h histogram\nh_bucket{le="1"} 1\nother{le="2"} 1\n# TYPE g gauge\ng{le="3"} 1\n'
    assert [labels["le"] for labels, _, _ in series(body)] == ["1.0", "2.0", "3"]


def test_quantiles_of_summaries_take_one_form() -> None:
    """N5: and `le` under a summary is left alone."""
    body = b'# TYPE s summary\ns{quantile="1",le="1"} 1\n'
    assert only(body) == {"__name__": "s", "quantile": "1.0", "le": "1"}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'a{b="c"}  1', b'a{b="c"}'),
        (b'a {b="c"} 1', b'a {b="c"}'),
        (b" a 1", b"a"),
        (b"a-1", b"a"),
        (b'{"a"}1', b'{"a"}'),
    ],
)
def test_the_key_is_the_series_text_as_exposed(line: bytes, key: bytes) -> None:
    """C2: from the name to the name's or the brace's end."""
    (entry,) = parse(line)
    assert isinstance(entry, SeriesEntry)
    assert entry.key == key
