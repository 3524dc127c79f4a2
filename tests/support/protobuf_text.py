"""A protobuf exposition as text: what client libraries write of the same families.

The bodies are read by the protobuf library and written here, so that neither side of a comparison
is the decoder under test. Numbers are written with as many digits as tell them from all others.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.support.metric_family import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
    MetricFamily,
)

_TYPES: Final = {
    COUNTER: "counter",
    GAUGE: "gauge",
    SUMMARY: "summary",
    UNTYPED: "untyped",
    HISTOGRAM: "histogram",
}


def as_text(body: bytes) -> bytes:
    """Return the text exposition of a delimited body of classic families."""
    return "".join(f"{line}\n" for family in _families(body) for line in _lines(family)).encode()


def _families(body: bytes) -> Iterator[Any]:
    start = 0
    while start < len(body):
        size = shift = 0
        while True:
            byte = body[start]
            start += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        family = MetricFamily()
        family.ParseFromString(body[start : start + size])
        start += size
        yield family


def _lines(family: Any) -> Iterator[str]:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {text}"
    yield f"# TYPE {family.name} {_TYPES[family.type]}"
    for metric in family.metric:
        labels = {pair.name: pair.value for pair in metric.label}
        for suffix, more, value in _samples(family.type, metric):
            yield f"{family.name}{suffix}{_braces({**labels, **more})} {_number(value)}"


def _samples(type_: int, metric: Any) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Yield the suffix, the labels and the value of each sample."""
    if type_ == SUMMARY:
        for each in metric.summary.quantile:
            yield "", {"quantile": _number(each.quantile)}, each.value
        yield "_sum", {}, metric.summary.sample_sum
        yield "_count", {}, metric.summary.sample_count
    elif type_ == HISTOGRAM:
        bounds = [each.upper_bound for each in metric.histogram.bucket]
        for each in metric.histogram.bucket:
            yield "_bucket", {"le": _number(each.upper_bound)}, each.cumulative_count
        if math.inf not in bounds:
            yield "_bucket", {"le": "+Inf"}, metric.histogram.sample_count
        yield "_sum", {}, metric.histogram.sample_sum
        yield "_count", {}, metric.histogram.sample_count
    else:
        yield "", {}, getattr(metric, _TYPES[type_]).value


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))


def _braces(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
