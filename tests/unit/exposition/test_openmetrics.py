"""OpenMetrics 1.0 text, entry by entry."""

import pytest

from promscrape.errors import ParseError
from promscrape.exposition.entries import Entry, HelpEntry, SeriesEntry, TypeEntry, UnitEntry
from promscrape.exposition.text_format import OPENMETRICS_TEXT, parse
from promscrape.model.labels import Labels
from promscrape.model.metadata import MetricType
from promscrape.model.sample import NORMAL_NAN_BITS, float_bits

EOF = b"# EOF\n"


def entries(lines: bytes) -> list[Entry]:
    return list(parse(lines + EOF, OPENMETRICS_TEXT))


def only(line: bytes) -> SeriesEntry:
    (entry,) = entries(line)
    assert isinstance(entry, SeriesEntry)
    return entry


def refusal(body: bytes) -> tuple[int, str]:
    """Return how many entries came before the error, and its reason."""
    found: list[Entry] = []
    with pytest.raises(ParseError) as caught:
        found.extend(parse(body, OPENMETRICS_TEXT))
    return len(found), caught.value.reason


@pytest.mark.parametrize("body", [b"a 1\n# EOF", b"a 1\n# EOF\n", b"# EOF\n", b"# EOF"])
def test_a_body_ends_with_its_mark(body: bytes) -> None:
    """TC041, O2: one line end after it, or none."""
    assert len(list(parse(body, OPENMETRICS_TEXT))) == body.count(b"a 1")


@pytest.mark.parametrize(
    ("body", "before", "reason"),
    [
        pytest.param(b"a 1\n", 1, "data does not end with # EOF", id="TC040"),
        pytest.param(b"a 1\n# EOF\n\n", 1, "unexpected data after # EOF", id="TC041-line"),
        pytest.param(b"a 1\n# EOF\nb 1\n", 1, "unexpected data after # EOF", id="O2-sample"),
        pytest.param(b"# EOF\r\n", 0, "expected a valid start token", id="TC041-return"),
        pytest.param(b"\n# EOF\n", 0, "expected a valid start token", id="TC042-empty-line"),
        pytest.param(b"# note\n# EOF\n", 0, "expected a valid start token", id="TC042-comment"),
        pytest.param(b" a 1\n# EOF\n", 0, "expected a valid start token", id="TC042-blank"),
        pytest.param(b"a 1 NaN\n# EOF\n", 0, "invalid timestamp NaN", id="TC044"),
        pytest.param(b"a 1 +Inf\n# EOF\n", 0, "invalid timestamp +Inf", id="O8-infinite"),
        pytest.param(b"a 1 x\n# EOF\n", 0, "invalid syntax", id="O8-no-number"),
        pytest.param(b"a 1 1 1\n# EOF\n", 0, "expected next entry after timestamp", id="two"),
        pytest.param(b"# UNIT bytes bytes\n# EOF\n", 0, "not a suffix of metric", id="TC045-all"),
        pytest.param(b"# UNIT xbytes bytes\n# EOF\n", 0, "not a suffix of metric", id="TC045"),
        pytest.param(b"# TYPE a untyped\n# EOF\n", 0, 'invalid metric type "untyped"', id="TC046"),
        pytest.param(b'a{b="c", d="e"} 1\n# EOF\n', 0, "expected label name", id="TC047"),
        pytest.param(b'a{b="c"d="e"} 1\n# EOF\n', 0, "expected comma or brace close", id="O7"),
        pytest.param(b'a{,b="c"} 1\n# EOF\n', 0, "expected label name", id="O7-leading-comma"),
        pytest.param(b'a{b="x\ny"} 1\n# EOF\n', 0, "expected label value", id="TC012-raw-newline"),
        pytest.param(b'{"a\nb"} 1\n# EOF\n', 0, "expected label name", id="O7-deviation-name"),
        pytest.param(b'a {b="c"} 1\n# EOF\n', 0, "invalid syntax", id="O1-blank-before-brace"),
        pytest.param(b'a{b="c"}1\n# EOF\n', 0, "expected value after metric", id="O1-no-blank"),
        pytest.param(b"a  1\n# EOF\n", 0, "expected value after metric", id="O1-two-blanks"),
        pytest.param(b"a\t1\n# EOF\n", 0, "expected value after metric", id="O1-tab"),
        pytest.param(b"a 1 \n# EOF\n", 0, "expected timestamp or comment", id="O9-trailing"),
        pytest.param(b"a 1\r\n# EOF\n", 0, "invalid syntax", id="O1-return"),
        pytest.param(b"# HELP a\n# EOF\n", 0, "expected text in HELP", id="O3-no-blank"),
        pytest.param(b"# HELP  a b\n# EOF\n", 0, "expected metric name after HELP", id="O3-two"),
        pytest.param(b"#HELP a b\n# EOF\n", 0, "expected a valid start token", id="O3-glued"),
        pytest.param(b"# HELP a \xff\n# EOF\n", 0, "is not a valid utf8 string", id="O6"),
        pytest.param(b"{} 1\n# EOF\n", 0, "metric name not set", id="P13-no-name"),
        pytest.param(b'a{"b"} 1\n# EOF\n', 0, "metric name already set", id="P13-two-names"),
        pytest.param(b'a{b="\xff"} 1\n# EOF\n', 0, "invalid UTF-8 label value", id="utf8"),
        pytest.param(b"a 1 # {id=1} 1\n# EOF\n", 0, "expected label value", id="O10-unquoted"),
        pytest.param(
            b'a_total 1 # {id="x"}\n# EOF\n', 0, "expected value after exemplar labels", id="TC050"
        ),
        pytest.param(b'a 1 # {"x"} 1\n# EOF\n', 0, "expected label name", id="TC051"),
        pytest.param(
            b"a 1 # {} 1 +Inf\n# EOF\n", 0, "invalid exemplar timestamp +Inf", id="O10-infinite"
        ),
        pytest.param(
            b"a 1 # {} 1 1 # {} 1\n# EOF\n",
            0,
            "expected next entry after exemplar timestamp",
            id="O10-two",
        ),
    ],
)
def test_a_bad_line_ends_the_body_with_its_reason(body: bytes, before: int, reason: str) -> None:
    """O1 to O10: strict where Prometheus is."""
    found, text = refusal(body)
    assert reason in text
    assert found == before


@pytest.mark.parametrize(
    ("line", "t_ms"),
    [
        (b"a 1 1.9999\n", 1999),
        (b"a 1 -0.5\n", -500),
        (b"a 1 -1.9999\n", -1999),
        (b"a 1 -5\n", -5000),
        (b"a 1 1.5e3\n", 1_500_000),
        (b"a 1 12345678901234567890.5\n", 2**63 - 1),
        (b"a 1 -1e306\n", 1 - 2**63),
        (b"a 1\n", None),
    ],
)
def test_timestamps_are_seconds(line: bytes, t_ms: int | None) -> None:
    """TC043, O8: cut towards zero."""
    assert only(line).t_ms == t_ms


def test_an_exemplar_comes_with_its_sample() -> None:
    """TC048: labels, value, and a time of its own."""
    (exemplar,) = only(b'a_total 1 # {id="x"} 0.5 9.5\n').exemplars
    assert exemplar.labels == Labels.from_map({"id": "x"})
    assert (exemplar.value, exemplar.t_ms) == (0.5, 9500)


def test_an_exemplar_may_stand_on_any_sample_and_have_no_time() -> None:
    """TC049, O10: no TYPE is asked for; behind a timestamp, too, and without labels."""
    (exemplar,) = only(b'a 1 7 # {id="x"} 0.5\n').exemplars
    assert exemplar.t_ms is None
    (bare,) = only(b"a 1 # {} nan\n").exemplars
    assert bare.labels == Labels.from_map({})
    assert float_bits(bare.value) == NORMAL_NAN_BITS


def test_escapes_in_an_exemplar_are_decoded() -> None:
    """O10, deviation: as the standard says."""
    (exemplar,) = only(rb'a 1 # {id="x\"y"} 1' + b"\n").exemplars
    assert exemplar.labels.get("id") == 'x"y'


def test_values_are_not_judged() -> None:
    """TC052, O12: a counter may be NaN, negative, late; families may interleave."""
    body = b"# TYPE a counter\na_total NaN\na_total -1 5\nb 1\na 3\n# TYPE a gauge\n"
    assert len(entries(body)) == 6


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (b"# HELP a some words\n", HelpEntry("a", "some words")),
        (b"# HELP a \n", HelpEntry("a", "")),
        (rb"# HELP a x\"y\\z\n" + b"\n", HelpEntry("a", 'x"y\\z\n')),
        (b'# HELP "a.b" x\n', HelpEntry("a.b", "x")),
        (b"# TYPE a stateset\n", TypeEntry("a", MetricType.STATESET)),
        (b"# TYPE a gaugehistogram\n", TypeEntry("a", MetricType.GAUGE_HISTOGRAM)),
        (b"# TYPE a unknown\n", TypeEntry("a", MetricType.UNKNOWN)),
        (b"# UNIT x_bytes bytes\n", UnitEntry("x_bytes", "bytes")),
        (b"# UNIT x \n", UnitEntry("x", "")),
    ],
)
def test_metadata_lines(line: bytes, entry: Entry) -> None:
    """O3 to O6, TC045, TC046."""
    assert entries(line) == [entry]


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        (b'a{b="c",} 1\n', {"b": "c"}),
        (b"a{} 1\n", {}),
        (b'a{"k.v"="1",b="2"} 1\n', {"k.v": "1", "b": "2"}),
        (b'{"a",b="2"} 1\n', {"b": "2"}),
        (rb'a{b="x\ny\\"} 1' + b"\n", {"b": "x\ny\\"}),
        (b'a{b="\x00"} 1\n', {"b": "\x00"}),
    ],
)
def test_labels(line: bytes, labels: dict[str, str]) -> None:
    """O7: trailing comma, quoted names, escapes, NUL."""
    assert dict(only(line).labels) == {"__name__": "a", **labels}


def test_bounds_take_one_form() -> None:
    """N5: `le` of histograms, and of nothing else."""
    body = b'# TYPE h histogram\nh_bucket{le="1"} 1\n# TYPE g gaugehistogram\ng_bucket{le="1"} 1\n'
    found = [dict(entry.labels)["le"] for entry in entries(body) if isinstance(entry, SeriesEntry)]
    assert found == ["1.0", "1"]
