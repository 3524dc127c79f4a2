"""The compiled scanner agrees with the plain one, which defines what a scan is."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT, TextFormat
from promscrape.model.sample import float_bits
from tests.property.test_exposition import bodies, garbage, openmetrics_bodies

pytest.importorskip("promscrape.exposition._scanner_c")
decimal_c = pytest.importorskip("promscrape.exposition._decimal_c")

from tests.support.scanner_pair import ScannerPair  # noqa: E402 - it needs the compiled twin

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize(
    "text_format",
    [pytest.param(PROMETHEUS_TEXT, id="text"), pytest.param(OPENMETRICS_TEXT, id="openmetrics")],
)
@settings(max_examples=150)
@given(data=st.data())
def test_the_scanners_agree_on_every_sequence_of_bodies(
    text_format: TextFormat, data: st.DataObject
) -> None:
    """Samples, bits of NaN, timestamps, labels, metadata, refusals with their places."""
    drawn = bodies if text_format is PROMETHEUS_TEXT else openmetrics_bodies
    pair = ScannerPair()
    for _ in range(data.draw(st.integers(1, 5))):
        columns = pair.scan(data.draw(drawn), text_format, skips=data.draw(st.booleans()))
        if data.draw(st.booleans()):
            pair.retain(list(columns.series))


_LINES = 2_100
_ODD_LINES = (
    "m_total{id=%r} ?",
    "other{id=%r} 1",
    "# HELP m_total words %r",
    "m_total{id=%r} 0x1p3",
)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, _LINES - 1), st.sampled_from(_ODD_LINES)), max_size=5),
        min_size=2,
        max_size=4,
    ),
    st.booleans(),
    st.booleans(),
)
def test_the_scanners_agree_on_large_bodies(
    changes: list[list[tuple[int, str]]],
    skips: bool,  # noqa: FBT001 - drawn
    ends: bool,  # noqa: FBT001 - drawn
) -> None:
    """Those that the compiled one lets other threads run beside; a few lines differ each time."""
    pair = ScannerPair()
    for change in changes:
        lines = [f'm_total{{id="{at:030d}"}} {at}.5' for at in range(_LINES)]
        for at, odd in change:
            lines[at] = odd.replace("%r", f'"{at}"')
        body = "\n".join(lines).encode() + b"\n" * ends
        columns = pair.scan(body, PROMETHEUS_TEXT, skips=skips)
        pair.retain(list(columns.series)[:-1])


@settings(max_examples=300)
@given(st.lists(garbage, max_size=3), st.booleans())
def test_the_scanners_agree_on_noise(some: list[bytes], skips: bool) -> None:  # noqa: FBT001 - drawn
    """Refused with the same reason at the same place, or read alike."""
    pair = ScannerPair()
    for body in some:
        pair.scan(body, PROMETHEUS_TEXT, skips=skips)
        pair.scan(body, OPENMETRICS_TEXT, skips=skips)


EDITS = st.lists(
    st.tuples(
        st.integers(0, 1 << 20),
        st.integers(0, 40),
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from([b"\n", b" ", b"NaN", b"1e5", b"new 1\n", b"{", b"}", b'"', b"\\"]),
        ),
    ),
    max_size=4,
)


@pytest.mark.parametrize("name", ["node_exporter", "haproxy", "prometheus", "alertmanager"])
@settings(max_examples=25)
@given(edits=st.lists(EDITS, min_size=1, max_size=3), skips=st.booleans())
def test_the_scanners_agree_on_changed_bodies_of_real_exporters(
    name: str,
    edits: list[list[tuple[int, int, bytes]]],
    skips: bool,  # noqa: FBT001 - drawn
) -> None:
    """A few bytes cut out or put in anywhere, each time in the original."""
    body, pair = (DATA / f"{name}.txt").read_bytes(), ScannerPair()
    pair.scan(body, PROMETHEUS_TEXT)
    for changes in edits:
        changed = bytearray(body)
        for at, cut, put in changes:
            place = at % len(changed)
            changed[place : place + cut] = put
        columns = pair.scan(bytes(changed), PROMETHEUS_TEXT, skips=skips)
        pair.retain(list(columns.series))


@given(st.permutations(range(12)), st.permutations(range(12)))
def test_the_scanners_agree_on_moved_lines(one: list[int], other: list[int]) -> None:
    """Lines that change their places, with their HELP lines, and some that stand twice."""
    pair = ScannerPair()
    for order in (one, other, other[:7], one + one[:3], other):
        lines = [b'# HELP m%d x\nm%d{a="%d"} %d\n' % (n, n // 2, n, n) for n in order]
        pair.scan(b"".join(lines), PROMETHEUS_TEXT)


DECIMALS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.17g}".format),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.25e}".format),
    st.tuples(st.integers(0, 10**20), st.integers(-360, 320)).map("{0[0]}e{0[1]}".format),
    st.from_regex(r"\A[+-]?[0-9]{0,22}\.?[0-9]{0,22}([eE][+-]?[0-9]{1,4})?\Z"),
)


@settings(max_examples=400)
@given(DECIMALS)
def test_decimals_are_rounded_correctly(text: str) -> None:
    """To the float that Python's float() returns, bit by bit; infinite is out of range."""
    found = decimal_c.parse_decimal(text.encode())
    try:
        expected = float(text)
    except ValueError:
        assert found is None
        return
    if expected in (float("inf"), float("-inf")):
        assert found is None
    else:
        assert found is not None
        assert float_bits(found) == float_bits(expected)


@settings(max_examples=300)
@given(st.integers(0, (1 << 63) - 1))
def test_decimals_halfway_between_two_floats_go_to_the_even_one(bits: int) -> None:
    """The places where a rounding that is not exact shows; beside them, and on them."""
    (value,) = struct.unpack("=d", bits.to_bytes(8, "little"))
    if value != value or value > 1e300:  # noqa: PLR0124 - only NaN differs from itself
        return
    low, scale = float(value).as_integer_ratio()
    following = struct.unpack("=d", (bits + 1).to_bytes(8, "little"))[0].as_integer_ratio()
    # With denominators that are powers of two the sum is exact, and so are its decimal digits.
    wide = max(scale, following[1])
    middle = (low * (wide // scale) + following[0] * (wide // following[1])) * 10**40
    digits = middle // (2 * wide)
    for number in (digits, digits + 1):
        text = f"{number}e-40"
        found = decimal_c.parse_decimal(text.encode())
        assert found is not None
        assert float_bits(found) == float_bits(float(text))


def test_long_runs_of_zeros_are_no_digits() -> None:
    """They count for nothing, so that small numbers take the fast way, too."""
    for text in ("0.00000000000000000000001", "000000000000000000000000.5", "0e999999999999", "-0"):
        found = decimal_c.parse_decimal(text.encode())
        assert found is not None
        assert float_bits(found) == float_bits(float(text))
    assert decimal_c.parse_decimal(b"1e309") is None
    assert decimal_c.parse_decimal(b"1_0") is None
    assert decimal_c.parse_decimal(b"") is None
