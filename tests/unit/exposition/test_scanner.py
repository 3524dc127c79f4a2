"""The scan of a body beside the last one."""

from array import array
from itertools import pairwise
from pathlib import Path

import pytest

from promscrape.exposition.columns import Columns
from promscrape.exposition.entries import HelpEntry, TypeEntry
from promscrape.exposition.scanner import TextScanner
from promscrape.exposition.text_format import OPENMETRICS_TEXT
from promscrape.model.metadata import MetricType
from promscrape.model.sample import NO_TIMESTAMP, NORMAL_NAN_BITS, float_bits

DATA = Path(__file__).parents[2] / "data"


def scan(scanner: TextScanner, body: bytes) -> Columns:
    columns = scanner.scan(body)
    assert columns.error is None
    assert len(columns.values) == len(columns.series)
    return columns


@pytest.mark.parametrize("name", ["node_exporter", "haproxy", "prometheus", "alertmanager"])
def test_a_body_with_the_known_series_shares_their_column(name: str) -> None:
    """Everything that follows from the series is found again by identity."""
    body = (DATA / f"{name}.txt").read_bytes()
    scanner = TextScanner()
    first, second = scan(scanner, body), scan(scanner, body)
    assert second.series is first.series
    assert second.metadata is first.metadata
    assert second.values.tobytes() == first.values.tobytes()
    assert list(second.new) == []
    assert len(scanner) == len(first.series) == len(first.new)


def test_only_numbers_move_in_the_warm_path() -> None:
    """New values in every form: integer, decimal, exponent, infinite, NaN, with a timestamp."""
    scanner = TextScanner()
    first = scan(scanner, b"# HELP a x\na 1\nb 2\nc 3\nd 4\ne 5\n")
    second = scan(scanner, b"# HELP a x\na 10\nb 2.5\nc 1e3\nd +Inf\ne nan 77\n")
    assert second.series is first.series
    assert list(second.values[:4]) == [10.0, 2.5, 1000.0, float("inf")]
    assert float_bits(second.values[4]) == NORMAL_NAN_BITS
    assert second.timestamps == array("q", [NO_TIMESTAMP] * 4 + [77])


def test_timestamps_stay_beside_their_samples() -> None:
    """A timestamp on some samples only leaves the others without one."""
    columns = scan(TextScanner(), b"a 1\nb 2 5\nc 3\nd 4 0\n")
    assert columns.timestamps == array("q", [NO_TIMESTAMP, 5, NO_TIMESTAMP, 0])


def test_a_new_series_in_the_middle_costs_only_itself() -> None:
    """The others keep their ids, and the new one is announced with its labels."""
    scanner = TextScanner()
    first = scan(scanner, b"a 1\nb 2\nc 3\n")
    second = scan(scanner, b'a 1\nnew{x="1"} 9\nb 2\nc 3\n')
    a, b, c = first.series
    (new,) = second.new
    assert list(second.series) == [a, new.id, b, c]
    assert new.labels == (("__name__", "new"), ("x", "1"))
    assert list(second.values) == [1, 9, 2, 3]


def test_new_series_leave_the_metadata_as_it_was() -> None:
    """The very object is kept, so that nothing is done for the families."""
    scanner = TextScanner()
    first = scan(scanner, b"# HELP a x\na 1\nb 2\n")
    assert scan(scanner, b"# HELP a x\na 1\nnew 9\nb 2\n").metadata is first.metadata


def test_vanished_and_moved_series_keep_their_ids() -> None:
    """Order is no part of identity."""
    scanner = TextScanner()
    a, _, c, d = scan(scanner, b"a 1\nb 2\nc 3\nd 4\n").series
    second = scan(scanner, b"d 4\na 1\nc 3\n")
    assert list(second.series) == [d, a, c]
    assert list(second.new) == []


def test_an_empty_scanner_reads_a_body_without_samples() -> None:
    """Comments alone are a body."""
    columns = scan(TextScanner(), b"# just\n# comments\n\n")
    assert len(columns.series) == 0


def test_metadata_is_reread_where_it_changed() -> None:
    """A changed HELP line leaves the series alone."""
    scanner = TextScanner()
    first = scan(scanner, b"# HELP a old\n# TYPE a gauge\na 1\n# HELP z end\n")
    second = scan(scanner, b"# HELP a new\n# TYPE a gauge\na 1\n# HELP z end\n")
    assert list(second.series) == list(first.series)
    assert list(second.metadata) == [
        HelpEntry("a", "new"),
        TypeEntry("a", MetricType.GAUGE),
        HelpEntry("z", "end"),
    ]


def test_metadata_before_a_bad_line_is_kept() -> None:
    """C19: it is recorded even where the scrape fails."""
    columns = TextScanner().scan(b"# HELP a x\n%%%\n")
    assert list(columns.metadata) == [HelpEntry("a", "x")]
    assert columns.error is not None


def test_the_type_in_force_reaches_new_series_across_known_ones() -> None:
    """N5: the TYPE line was skipped by comparison, and still counts for what follows it."""
    scanner = TextScanner()
    scan(scanner, b"# TYPE h histogram\nh_count 1\n")
    second = scan(scanner, b'# TYPE h histogram\nh_count 1\nh_bucket{le="5"} 1\n')
    assert second.new[0].labels[-1] == ("le", "5.0")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"a-1\n", b"a-15\n", id="number-glued-to-the-name"),
        pytest.param(b"a-1\n", b"a1 5\n", id="name-continues-where-the-number-stood"),
        pytest.param(b"a 1\n", b'a {x="1"} 5\n', id="labels-follow-the-blank"),
        pytest.param(b"a 1\n", b"a  5\n", id="another-blank"),
        pytest.param(b'{"a"}1\n', b'{"a"}5 7\n', id="glued-to-the-brace"),
        pytest.param(b"# a 1\nb 2\n", b"# a 1\nb 2\n# tail\n", id="longer-tail"),
        pytest.param(b"b 2\n# tail\n", b"b 2\n", id="no-tail"),
        pytest.param(b"a 1\n", b"", id="nothing"),
        pytest.param(b"a 1\na 1\nb 1\n", b"b 1\na 1\na 1\n", id="repetitions"),
    ],
)
def test_a_warm_scan_reads_what_a_cold_one_would(before: bytes, after: bytes) -> None:
    """Where a prefix still matches though the line has another meaning, the line is read anew."""
    scanner = TextScanner()
    texts = {new.id: new.labels for new in scan(scanner, before).new}
    warm, cold = scan(scanner, after), scan(TextScanner(), after)
    texts.update({new.id: new.labels for new in warm.new})
    assert [texts[i] for i in warm.series] == [
        {new.id: new.labels for new in cold.new}[i] for i in cold.series
    ]
    assert warm.values == cold.values
    assert warm.timestamps == cold.timestamps


@pytest.mark.parametrize("body", [b"a 1\nb 2\nc x\nd 4\n", b"a 1\nb 2\nc{ 3\nd 4\n"])
def test_an_error_keeps_the_samples_before_it(body: bytes) -> None:
    """L10: in the warm path as in the cold one; the last good body stays remembered."""
    scanner = TextScanner()
    good = scan(scanner, b"a 1\nb 2\nc 3\nd 4\n")
    for scanned in (scanner.scan(body), TextScanner().scan(body)):
        assert scanned.error is not None
        assert scanned.error.line == 3
        assert list(scanned.values) == [1, 2]
        assert len(scanned.series) == 2
    assert scan(scanner, b"a 1\nb 2\nc 3\nd 4\n").series is good.series


def test_forgotten_ids_are_given_to_others() -> None:
    """Ids stay dense however long the target lives."""
    scanner = TextScanner()
    for round_ in range(100):
        columns = scan(scanner, f"kept 1\nchurn{round_} 1\n".encode())
        assert max(columns.series) <= 2
        scanner.retain(columns.series)
    assert len(scanner) == 2


def test_a_series_of_the_last_body_may_be_forgotten() -> None:
    """Then it is new when it comes again, and nothing stale is found for it."""
    scanner = TextScanner()
    scan(scanner, b"a 1\nb 2\n")
    assert len(scanner.retain([])) == 2
    assert [new.labels[0][1] for new in scan(scanner, b"a 1\nb 2\n").new] == ["a", "b"]


def test_an_error_names_the_line_and_not_the_comments_before_it() -> None:
    """The excerpt begins where the sample begins, in the warm path, too."""
    scanner = TextScanner()
    scan(scanner, b"x 1\n# HELP a some words\na 1\n")
    error = scanner.scan(b"x 1\n# HELP a some words\na ?\n").error
    assert error is not None
    assert error.reason.endswith('while parsing: "a ?"')
    assert error.line == 3


def test_an_error_has_one_text_whether_the_series_was_known_or_not() -> None:
    """P5: blanks before a name are not part of the excerpt; found by fuzzing."""
    scanner, body = TextScanner(), b"\t a 1x\n"
    scan(scanner, b"\t a 1\n")
    warm, cold = scanner.scan(body).error, TextScanner().scan(body).error
    assert warm is not None
    assert str(warm) == str(cold)
    assert warm.reason.endswith('while parsing: "a 1x"')


def test_the_ids_of_neighbours_differ() -> None:
    """Each text has one id, and no two texts share one."""
    series = scan(TextScanner(), b"".join(b"m%d 1\n" % i for i in range(1000))).series
    assert all(b == a + 1 for a, b in pairwise(series))


OPENMETRICS = b'# TYPE a counter\na_total 1 # {id="x"} 0.5\nb 2 7.5\n# EOF\n'


def test_openmetrics_goes_the_same_way() -> None:
    """Exemplars stand beside their samples, and a warm scan shares the columns."""
    scanner = TextScanner()
    first = scanner.scan(OPENMETRICS, OPENMETRICS_TEXT)
    second = scanner.scan(OPENMETRICS.replace(b"0.5", b"0.75"), OPENMETRICS_TEXT)
    assert first.error is second.error is None
    assert second.series is first.series
    assert [exemplar.value for exemplar in second.exemplars[0]] == [0.75]
    assert second.exemplars.keys() == {0}
    assert second.timestamps == array("q", [NO_TIMESTAMP, 7500])


def test_a_body_that_lost_its_end_fails_in_the_warm_path_too() -> None:
    """O2: half a body must not pass for a whole one."""
    scanner = TextScanner()
    scanner.scan(OPENMETRICS, OPENMETRICS_TEXT)
    cut = scanner.scan(OPENMETRICS.removesuffix(b"# EOF\n"), OPENMETRICS_TEXT)
    assert cut.error is not None
    assert cut.error.reason == "data does not end with # EOF"
    assert len(cut.values) == 2


def test_a_target_may_change_its_format() -> None:
    """The series texts stay known; nothing else is taken over from the other format."""
    scanner = TextScanner()
    text = scan(scanner, b"a 1\n b 2\n")
    openmetrics = scanner.scan(b"a 1\nb 2\n# EOF\n", OPENMETRICS_TEXT)
    assert list(openmetrics.series) == list(text.series)
    assert scanner.scan(b"a 1\n b 2\n", OPENMETRICS_TEXT).error is not None
