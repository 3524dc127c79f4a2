"""Chooses the codec of series and samples: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.storage.wal._record_py import (
        SampleColumns,
        SampleDecoder,
        SampleLayout,
        decode_series,
        encode_entries,
        encode_kept_series,
        encode_samples,
        encode_series,
        samples_head,
    )
else:
    from promscrape.storage.wal._record_c import (
        SampleColumns,
        SampleDecoder,
        SampleLayout,
        decode_series,
        encode_entries,
        encode_kept_series,
        encode_samples,
        encode_series,
        samples_head,
    )

__all__ = [
    "SampleColumns",
    "SampleDecoder",
    "SampleLayout",
    "decode_series",
    "encode_entries",
    "encode_kept_series",
    "encode_samples",
    "encode_series",
    "samples_head",
]
