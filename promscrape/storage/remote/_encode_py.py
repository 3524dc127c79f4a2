"""The messages of remote write, from columns to bytes: the twin that defines the behavior.

    1.0  WriteRequest := (0a len TimeSeries)*      TimeSeries := label*, sample | histogram, exemplar*
    2.0  Request := (22 len symbol)*, (2a len TimeSeries)*
         TimeSeries := labels_refs, sample | histogram, exemplar*, metadata

One TimeSeries an item, in the order of the columns. A field that is zero is left out, but for
the members of a oneof; -0.0 is not zero. Source: Prometheus prompb/types.proto and
prompb/io/prometheus/write/v2/types.proto.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import final

import cramjam

from promscrape.model.exemplar import Exemplar
from promscrape.model.varint import uvarint
from promscrape.storage.remote._histogram_message import encode_histogram
from promscrape.storage.remote.columns import Columns
from promscrape.storage.remote.series import RemoteSeries

MAX_KEPT_LABEL_SETS = 100_000
"""Label sets of the first version that are kept as they go out, some 20 MB of them."""

_ZERO = bytes(8)
_F64 = struct.Struct("<d")
_U64 = (1 << 64) - 1
_SIZES = [uvarint(size) for size in range(1 << 12)]


@final
class Encoder:
    """Encodes the items of one destination. Keeps what comes again with each request.

    described: how many items of the last request of the second version have metadata.
    """

    def __init__(self, series: RemoteSeries) -> None:
        self._series = series
        self._label_sets: dict[int, bytes] = {}
        self._layout = series.layout
        self.described = 0

    def pack(self, columns: Columns, *, is_v2: bool) -> bytes:
        """Return the body of a request: its message, packed."""
        message = self.encode_v2(columns) if is_v2 else self.encode_v1(columns)
        return bytes(cramjam.snappy.compress_raw(message))

    def encode_v1(self, columns: Columns) -> bytes:
        """Return a `prometheus.WriteRequest`."""
        self._follow_layout()
        kept = self._label_sets
        items = _items(columns, None, samples_tag=b"\x12", histograms_tag=b"\x22")
        pieces: list[bytes] = []
        for position, (row, item) in enumerate(zip(columns.rows, items, strict=True)):
            labels = kept.get(row) or self._labels_v1(row)
            exemplars = columns.exemplars.get(position)
            tail = b"".join(map(_exemplar_v1, exemplars)) if exemplars else b""
            pieces += (b"\x0a", _size(len(labels) + len(item) + len(tail)), labels, item, tail)
        return b"".join(pieces)

    def _follow_layout(self) -> None:
        if self._layout != self._series.layout or len(self._label_sets) > MAX_KEPT_LABEL_SETS:
            self._label_sets.clear()
            self._layout = self._series.layout

    def _labels_v1(self, row: int) -> bytes:
        label_sets = self._series.label_sets
        labels = _label_fields([label_sets.text(symbol) for symbol in label_sets.symbols(row)])
        self._label_sets[row] = labels
        return labels

    def encode_v2(self, columns: Columns) -> bytes:
        """Return an `io.prometheus.write.v2.Request`, with the metadata that is known now."""
        series = self._series
        series.refresh_metadata(columns.rows)
        self.described = sum(map(bool, map(series.metadata_of.__getitem__, columns.rows)))
        symbols = _SymbolTable(series)
        items = _items(columns, columns.starts, samples_tag=b"\x12", histograms_tag=b"\x1a")
        pieces: list[bytes] = []
        label_sets = series.label_sets
        for position, (row, item) in enumerate(zip(columns.rows, items, strict=True)):
            refs = b"".join(map(symbols.__getitem__, label_sets.symbols(row)))
            exemplars = columns.exemplars.get(position)
            tail = b"".join(map(symbols.exemplar, exemplars)) if exemplars else b""
            tail += symbols.metadata(series.metadata_of[row])
            head = _size(len(refs))
            size = 1 + len(head) + len(refs) + len(item) + len(tail)
            pieces += (b"\x2a", _size(size), b"\x0a", head, refs, item, tail)
        return b"".join((*symbols.fields(), *pieces))


@final
class _SymbolTable(dict[int, bytes]):
    """The strings of one request: from a symbol of the destination to its reference, encoded."""

    def __init__(self, series: RemoteSeries) -> None:
        super().__init__({0: b"\x00"})
        self._series = series
        self._texts: list[bytes] = [b""]
        self._others: dict[bytes, bytes] = {}  # strings of exemplars, which are not kept
        self._metadata: dict[int, bytes] = {0: b"\x2a\x00"}

    def __missing__(self, symbol: int) -> bytes:
        self[symbol] = reference = self._append(self._series.label_sets.text(symbol))
        return reference

    def _append(self, text: bytes) -> bytes:
        self._texts.append(text)
        return _size(len(self._texts) - 1)

    def _of_text(self, text: bytes) -> bytes:
        symbol = self._series.label_sets.find_text(text)
        if symbol or not text:
            return self[symbol]
        found = self._others.get(text)
        if found is None:
            self._others[text] = found = self._append(text)
        return found

    def exemplar(self, exemplar: Exemplar) -> bytes:
        texts = [text.encode("utf-8", "replace") for pair in exemplar.labels for text in pair]
        refs = b"".join(map(self._of_text, texts))
        body = _field(b"\x0a", refs) if refs else b""
        return _field(b"\x22", body + _value_and_time(exemplar))

    def metadata(self, entry: int) -> bytes:
        found = self._metadata.get(entry)
        if found is None:
            kind, help_, unit = self._series.metadata_entries[entry]
            body = b"\x08" + _size(kind) if kind else b""
            body += b"\x18" + self[help_] if help_ else b""
            body += b"\x20" + self[unit] if unit else b""
            self._metadata[entry] = found = _field(b"\x2a", body)
        return found

    def fields(self) -> Iterable[bytes]:
        return [_field(b"\x22", text) for text in self._texts]


def _items(
    columns: Columns, starts: Sequence[int] | None, *, samples_tag: bytes, histograms_tag: bytes
) -> list[bytes]:
    """Return the field of the sample, or of the histogram, of each item."""
    raw = columns.values.tobytes()
    is_v2 = histograms_tag == b"\x1a"
    items: list[bytes] = []
    last_t_ms, last_start, tail = 0, 0, b""
    full = samples_tag + b"\x09\x09"
    for position, t_ms in enumerate(columns.timestamps):
        start = starts[position] if starts is not None else 0
        if t_ms != last_t_ms or start != last_start:
            tail = _times(t_ms, start)
            full = samples_tag + _SIZES[9 + len(tail)] + b"\x09"
            last_t_ms, last_start = t_ms, start
        value = raw[8 * position : 8 * position + 8]
        if value != _ZERO:
            items.append(full + value + tail)
        else:
            items.append(samples_tag + _SIZES[len(tail)] + tail)
    for position, histogram in columns.histograms.items():
        start = starts[position] if starts is not None else 0
        body = encode_histogram(histogram, columns.timestamps[position], start, is_v2=is_v2)
        items[position] = _field(histograms_tag, body)
    return items


def _times(t_ms: int, start_ms: int) -> bytes:
    t = b"\x10" + uvarint(t_ms & _U64) if t_ms else b""
    return t + b"\x18" + uvarint(start_ms & _U64) if start_ms else t


def _label_fields(texts: Sequence[bytes]) -> bytes:
    fields = []
    for name, value in zip(texts[::2], texts[1::2], strict=True):
        fields.append(_field(b"\x0a", _field(b"\x0a", name) + _field(b"\x12", value)))
    return b"".join(fields)


def _exemplar_v1(exemplar: Exemplar) -> bytes:
    texts = [text.encode("utf-8", "replace") for pair in exemplar.labels for text in pair]
    return _field(b"\x1a", _label_fields(texts) + _value_and_time(exemplar))


def _value_and_time(exemplar: Exemplar) -> bytes:
    raw = _F64.pack(exemplar.value)
    value = b"\x11" + raw if raw != _ZERO else b""
    return value + (b"\x18" + uvarint((exemplar.t_ms or 0) & _U64) if exemplar.t_ms else b"")


def _field(tag: bytes, body: bytes) -> bytes:
    return b"".join((tag, _size(len(body)), body))


def _size(size: int) -> bytes:
    return _SIZES[size] if size < len(_SIZES) else uvarint(size)


def encode_metadata_v1(entries: Iterable[tuple[str, int, str, str]]) -> bytes:
    """Return a `prometheus.WriteRequest` of metadata alone: family, type, help and unit (4.6)."""
    pieces = []
    for family, kind, help_, unit in entries:
        body = b"\x08" + _size(kind) if kind else b""
        for tag, text in ((b"\x12", family), (b"\x22", help_), (b"\x2a", unit)):
            raw = text.encode("utf-8", "replace")
            body += _field(tag, raw) if raw else b""
        pieces.append(_field(b"\x1a", body))
    return b"".join(pieces)
