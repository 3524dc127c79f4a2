"""What a target's bodies are to become, beyond what their format says."""

from typing import final

import msgspec


@final
class Switches(msgspec.Struct, frozen=True):
    """Fixed for the life of a target (T20).

    native_histograms: take the native part of a histogram where it has one.
    convert_classic: make one sample with custom bounds of a classic histogram.
    keep_classic: take the classic series of a histogram besides.
    start_timestamps: read when counters started; `_created` lines are then no samples.
    type_and_unit_labels: give series the labels `__type__` and `__unit__` (S23).
    """

    native_histograms: bool = False
    convert_classic: bool = False
    keep_classic: bool = False
    start_timestamps: bool = False
    type_and_unit_labels: bool = False


DEFAULT_SWITCHES = Switches()
