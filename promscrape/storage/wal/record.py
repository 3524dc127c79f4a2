"""Chooses the codec of series and samples; so far there is the plain one alone."""

from promscrape.storage.wal._record_py import (
    SampleColumns,
    SampleDecoder,
    SampleLayout,
    decode_series,
    encode_entries,
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
    "encode_samples",
    "encode_series",
    "samples_head",
]
