from array import array
from collections.abc import Iterable, Sequence
from typing import final

from promscrape.storage.wal._record_py import Refs, Timestamps, Values
from promscrape.storage.wal._record_py import encode_kept_series as encode_kept_series
from promscrape.storage.wal._record_py import encode_series as encode_series
from promscrape.storage.wal._record_py import samples_head as samples_head
from promscrape.storage.wal.record_types import LoggedSeries

def decode_series(record: bytes) -> list[LoggedSeries]: ...
def encode_entries(
    head: tuple[int, int], refs: Iterable[int], timestamps_ms: Iterable[int], values: Values
) -> bytes: ...
def encode_samples(refs: Sequence[int], timestamps_ms: Sequence[int], values: Values) -> bytes: ...

@final
class SampleLayout:
    count: int
    def __init__(self, ref0: int, refs: Sequence[int]) -> None: ...
    def encode(self, values: Values) -> bytes: ...
    def record(self, t0_ms: int, values: Values) -> bytes: ...

@final
class SampleColumns:
    refs: Refs
    base_ms: int
    offsets_ms: array[int] | None
    starts: array[int] | None
    def timestamps_ms(self) -> Timestamps: ...
    def values(self) -> Values: ...

@final
class SampleDecoder:
    def __init__(self, remembered_samples: int = 1_000_000) -> None: ...
    def decode(self, record: bytes) -> SampleColumns: ...
