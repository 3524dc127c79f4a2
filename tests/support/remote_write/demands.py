"""What the documents of remote write 1.0 and 2.0 demand of a sender, as checks on a request.

Each check yields a sentence for what is wrong. A receiver collects them, and a test asserts that
there are none.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from tests.support.remote_write.message import (
    NAN_BITS,
    STALE_BITS,
    Pairs,
    WireRequest,
    WireSeries,
)

CONTENT_TYPES: Final[Mapping[str, int]] = {
    "application/x-protobuf": 1,
    "application/x-protobuf;proto=prometheus.WriteRequest": 1,
    "application/x-protobuf;proto=io.prometheus.write.v2.Request": 2,
}
_VERSIONS: Final[Mapping[int, str]] = {1: "0.1.0", 2: "2.0.0"}
_ONCE = ("Content-Encoding", "Content-Type", "User-Agent", "X-Prometheus-Remote-Write-Version")
_PRODUCT = re.compile(r"[^\s/]+/[^\s/]+")
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_EXPONENT, _FRACTION = 0x7FF << 52, (1 << 52) - 1
_FRAMED = b"\xff\x06\x00\x00sNaPpY"


def version_of(content_type: str) -> int:
    """Return the version that a content type stands for, 0 where it is none of them."""
    return CONTENT_TYPES.get(content_type, 0)


def header_faults(
    method: str, headers: Mapping[str, str], names: Counter[str], body: bytes
) -> Iterator[str]:
    """Yield what is wrong around a message. `names` counts the headers, in lower case."""
    if method != "POST":
        yield f"method {method}"
    for name in _ONCE:
        if names[name.lower()] != 1:
            yield f"{names[name.lower()]} headers {name}"
    version = version_of(headers.get("Content-Type", ""))
    if not version:
        yield f"Content-Type {headers.get('Content-Type')!r}"
    if headers.get("Content-Encoding") != "snappy":
        yield f"Content-Encoding {headers.get('Content-Encoding')!r}"
    number = headers.get("X-Prometheus-Remote-Write-Version")
    if number != _VERSIONS.get(version):
        yield f"X-Prometheus-Remote-Write-Version {number!r} with version {version}"
    if not _PRODUCT.fullmatch(headers.get("User-Agent", "")):
        yield f"User-Agent {headers.get('User-Agent')!r}"
    if not re.fullmatch("[1-9][0-9]*", headers.get("Retry-Attempt", "1")):
        yield f"Retry-Attempt {headers.get('Retry-Attempt')!r}"
    if body.startswith(_FRAMED):
        yield "the framed format of snappy"


def message_faults(request: WireRequest) -> Iterator[str]:
    """Yield what is wrong in a message."""
    yield from request.faults
    if request.version == 2:
        yield from _symbol_faults(request.symbols)
    for series in request.series:
        for fault in _series_faults(series, request.version):
            yield f"{fault} in {dict(series.labels)}"


def _symbol_faults(symbols: list[str]) -> Iterator[str]:
    if not symbols or symbols[0]:
        yield f"symbols[0] is {symbols[:1]}"
    twice = [text for text, count in Counter(symbols).items() if count > 1]
    if twice:
        yield f"symbols more than once: {twice}"


def _series_faults(series: WireSeries, version: int) -> Iterator[str]:
    yield from _label_faults(series.labels, version)
    if not series.name:
        yield "no metric name"
    if version == 2:
        if series.samples and series.histograms:
            yield "samples and histograms together"
        if not (series.samples or series.histograms):
            yield "neither samples nor histograms"
    times = [sample.t_ms for sample in series.samples]
    times += [histogram.t_ms for histogram in series.histograms]
    if any(later <= earlier for earlier, later in pairwise(times)):
        yield f"timestamps that do not ascend: {times}"
    for sample in series.samples:
        yield from _float_faults(sample.bits)
    for histogram in series.histograms:
        yield from _float_faults(histogram.sum_bits)
    for exemplar in series.exemplars:
        # An exemplar's labels keep the order of the exposition in some senders; names are needed.
        if any(not name for name, _ in exemplar.labels):
            yield "an exemplar's label without a name"


def _label_faults(labels: Pairs, version: int) -> Iterator[str]:
    names = [name.encode() for name, _ in labels]
    if any(later <= earlier for earlier, later in pairwise(names)):
        yield "label names that do not ascend"
    if any(not name or not value for name, value in labels):
        yield "an empty label name or value"
    if version == 1:
        for name, value in labels:
            if not _LABEL_NAME.fullmatch(name):
                yield f"label name {name!r}"
            if name == "__name__" and not _METRIC_NAME.fullmatch(value):
                yield f"metric name {value!r}"


def _float_faults(bits: int) -> Iterator[str]:
    is_nan = bits & _EXPONENT == _EXPONENT and bits & _FRACTION
    if is_nan and bits not in (NAN_BITS, STALE_BITS):
        yield f"a NaN of bits {bits:016x}"
