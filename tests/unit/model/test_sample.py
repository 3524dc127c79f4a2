import math
from array import array

import pytest

from promscrape.model.sample import (
    NORMAL_NAN,
    NORMAL_NAN_BITS,
    STALE_NAN,
    STALE_NAN_BITS,
    float_bits,
    is_stale,
)


def test_the_stale_marker_has_prometheuss_bits() -> None:
    """F1: readers tell the end of a series by these 64 bits alone."""
    assert float_bits(STALE_NAN) == STALE_NAN_BITS == 0x7FF0000000000002
    assert float_bits(NORMAL_NAN) == NORMAL_NAN_BITS == 0x7FF8000000000001
    assert math.isnan(STALE_NAN)


def test_the_stale_marker_keeps_its_bits_in_a_column() -> None:
    """F2: columns of samples are arrays, and a platform that quiets NaNs would lose the marker."""
    column = array("d", [1.0, STALE_NAN, NORMAL_NAN])

    assert [float_bits(value) for value in column[1:]] == [STALE_NAN_BITS, NORMAL_NAN_BITS]
    assert column.tobytes()[8:16] == STALE_NAN_BITS.to_bytes(8, "little")


@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, NORMAL_NAN])
def test_no_other_value_is_stale(value: float) -> None:
    """F1: a target may expose NaN, which is a sample and not the end of its series."""
    assert not is_stale(value)


def test_the_stale_marker_is_stale() -> None:
    """F1: bit-exact, never by isnan."""
    assert is_stale(STALE_NAN)
