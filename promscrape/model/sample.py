"""Float samples: the special values, by their bits.

A stale marker is one particular NaN. It is told from other NaNs by its bits alone, never by
`isnan`, and it must never pass through arithmetic. Source: Prometheus model/value/value.go.
"""

import struct

STALE_NAN_BITS = 0x7FF0_0000_0000_0002
NORMAL_NAN_BITS = 0x7FF8_0000_0000_0001

STALE_NAN: float = struct.unpack("<d", STALE_NAN_BITS.to_bytes(8, "little"))[0]
NORMAL_NAN: float = struct.unpack("<d", NORMAL_NAN_BITS.to_bytes(8, "little"))[0]

NO_TIMESTAMP = -(1 << 63)
"""In a column of timestamps: this sample brought none."""

NO_START = 0
"""In a column of start timestamps: it is not known when the counter started."""


def float_bits(value: float) -> int:
    """Return the 64 bits of `value` as an unsigned number."""
    return int.from_bytes(struct.pack("<d", value), "little")


def is_stale(value: float) -> bool:
    """Whether `value` is the stale marker."""
    # The comparison with itself is true for all but NaNs and spares them the packing.
    return value != value and float_bits(value) == STALE_NAN_BITS  # noqa: PLR0124
