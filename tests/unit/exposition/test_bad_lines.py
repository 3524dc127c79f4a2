"""The scan that leaves bad lines out and tells where they stood."""

import pytest

from promscrape.exposition.bad_lines import KEPT
from promscrape.exposition.columns import Columns
from promscrape.exposition.scanner import TextScanner
from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT, TextFormat

FIVE = b"a 1\nb ?\n# HELP c x\nc 3\n  %%% 4\nd 5\n"


class Scanned:
    """One target's scanner, with the texts of the series that it announced."""

    def __init__(self, text_format: TextFormat = PROMETHEUS_TEXT) -> None:
        self.scanner, self.format = TextScanner(), text_format
        self.names: dict[int, str] = {}

    def __call__(self, body: bytes) -> Columns:
        columns = self.scanner.scan(body, self.format, skip_bad_lines=True)
        self.names.update((new.id, new.labels[0][1]) for new in columns.new)
        assert len(columns.series) == len(columns.values)
        return columns

    def values(self, columns: Columns) -> dict[str, float]:
        return {
            self.names[i]: value for i, value in zip(columns.series, columns.values, strict=True)
        }


def test_good_lines_are_kept_and_bad_ones_told_of() -> None:
    """Each with its place: line and column from 1, blanks before the name counted."""
    scan = Scanned()
    columns = scan(FIVE)
    assert columns.error is None
    assert scan.values(columns) == {"a": 1, "c": 3, "d": 5}
    assert columns.bad_count == 2
    assert [(bad.line, bad.column, bad.text) for bad in columns.bad_lines] == [
        (2, 3, "b ?"),
        (5, 3, "  %%% 4"),
    ]
    assert 'parsing "?": invalid syntax' in columns.bad_lines[0].reason
    assert "expected a valid start token" in columns.bad_lines[1].reason


def test_the_first_bad_line_ends_the_scan_by_default() -> None:
    """P17: nothing is skipped unless it is asked for; the error has the same place."""
    columns = TextScanner().scan(FIVE)
    assert columns.error is not None
    assert (columns.error.line, columns.error.column) == (2, 3)
    assert (list(columns.values), columns.bad_count) == ([1.0], 0)


def test_bad_lines_are_told_of_at_each_scan() -> None:
    """And the column of series stays the same object, so that nothing is worked out anew."""
    scan = Scanned()
    first = scan(FIVE)
    second = scan(FIVE.replace(b"a 1", b"a 1000"))
    assert second.bad_lines == first.bad_lines
    assert second.series is first.series
    assert second.metadata is first.metadata
    assert scan.values(second) == {"a": 1000, "c": 3, "d": 5}


def test_a_line_may_turn_bad_and_good_again() -> None:
    """In the warm path: the prefix is the known one, the number is none."""
    scan = Scanned()
    for body, expected in (
        (b"a 1\nb 2\nc 3\n", {"a": 1, "b": 2, "c": 3}),
        (b"a 4\nb oops\nc 5\n", {"a": 4, "c": 5}),
        (b"a 6\nb 7\nc 8\n", {"a": 6, "b": 7, "c": 8}),
        (b"a 6\nb 7\nc oops\n", {"a": 6, "b": 7}),
    ):
        assert scan.values(scan(body)) == expected


def test_the_line_is_counted_in_the_body_at_hand() -> None:
    """A bad line that moved is told of where it stands now."""
    scan = Scanned()
    scan(FIVE)
    moved = scan(b"# one\n# two\n" + FIVE)
    assert [bad.line for bad in moved.bad_lines] == [4, 7]


@pytest.mark.parametrize(
    ("body", "good"),
    [
        pytest.param(b'a{x="1} 1\nb 2\nc{y="3"} 3\n', {"b", "c"}, id="missing-quote"),
        pytest.param(b'a{x="1\n2"} ?\nb 2\n', {"b"}, id="quoted-line-end"),
        pytest.param(b"a 1 2 3\nb 2\n", {"b"}, id="too-much"),
        pytest.param(b"# TYPE a nonsense\nb 2\n", {"b"}, id="type"),
        pytest.param(b"# HELP a \xff\nb 2\n", {"b"}, id="help"),
        pytest.param(b"b 2\na{\n", {"b"}, id="last-line"),
        pytest.param(b"b 2\na 1e999", {"b"}, id="last-line-without-its-end"),
    ],
)
def test_a_bad_line_ends_at_the_next_line_end(body: bytes, good: set[str]) -> None:
    """What stands on the lines behind it is read as if it were not there."""
    scan = Scanned()
    columns = scan(body)
    assert columns.error is None
    assert good == scan.values(columns).keys()
    assert columns.bad_count >= 1


def test_a_bad_type_line_ends_the_type_before_it() -> None:
    """N5 would else take the labels of another family for numbers."""
    scanner = TextScanner()
    body = b'# TYPE h histogram\nh_count 1\n# TYPE g nonsense\ng{le="5"} 1\n'
    columns = scanner.scan(body, skip_bad_lines=True)
    assert columns.new[-1].labels[-1] == ("le", "5")


def test_a_body_without_a_good_sample_fails() -> None:
    """A page of HTML is no body with many bad lines."""
    columns = TextScanner().scan(b"<html>\n<body>\n", skip_bad_lines=True)
    assert columns.error is not None
    assert columns.error.line == 1
    assert columns.bad_count == 2


def test_openmetrics_skips_too_but_not_its_end() -> None:
    """O2: half a body is no bad line; its last number may be half a number."""
    scan = Scanned(OPENMETRICS_TEXT)
    columns = scan(b"a 1\nb  2\nc 3\n# EOF\n")
    assert columns.error is None
    assert scan.values(columns) == {"a": 1, "c": 3}
    assert columns.bad_lines[0][:2] == (2, 3)
    cut = scan(b"a 1\nb  2\nc 3\n")
    assert cut.error is not None
    assert cut.error.reason == "data does not end with # EOF"


def test_only_the_last_few_are_kept_and_cut() -> None:
    """A body of nothing but long bad lines costs no memory."""
    columns = TextScanner().scan(b"good 1\n" + (b"%" * 100_000 + b"\n") * 50, skip_bad_lines=True)
    assert columns.bad_count == 50
    assert [bad.line for bad in columns.bad_lines] == list(range(52 - KEPT, 52))
    assert all(len(bad.text) + len(bad.reason) < 600 for bad in columns.bad_lines)
