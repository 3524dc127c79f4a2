"""Durations and sizes: what is printed reads back."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.size import Size

MAX_MS = (2**63 - 1) // 1_000_000

almost_durations = st.lists(
    st.sampled_from(["0", "1", "9", *"ywdhms", "ms", ".", "-", "x", "é"])
).map("".join)
almost_sizes = st.lists(st.sampled_from([*"+-019.BKME", "iB"])).map("".join)


@given(st.integers(0, MAX_MS))
def test_a_printed_duration_reads_back(ms: int) -> None:
    """M31: over the whole range."""
    assert Duration.parse(str(Duration(ms))) == Duration(ms)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_printed_size_reads_back(size_bytes: int) -> None:
    """Config 2.2: over the whole range, to the byte."""
    assert Size.parse(str(Size(size_bytes))) == Size(size_bytes)


@given(almost_durations | st.text())
def test_every_text_is_a_duration_or_is_refused(text: str) -> None:
    """M31: and what is a duration is within its range."""
    with suppress(InvalidValue):
        assert 0 <= Duration.parse(text).ms <= MAX_MS


@given(almost_sizes | st.text())
def test_every_text_is_a_size_or_is_refused(text: str) -> None:
    """Config 2.2: and what is a size fits into 64 bits."""
    with suppress(InvalidValue):
        assert -(2**63) <= Size.parse(text).bytes < 2**63
