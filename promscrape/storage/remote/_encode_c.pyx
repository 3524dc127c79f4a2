# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Rows and symbols come from the destination's own columns, which are as long as they have to be.
"""The compiled twin of `_encode_py`, which says what the messages are.

The label sets are put together from the destination's symbols each time: that takes no longer than
a look-up, and nothing is kept. The columns of the series are read with the GIL held throughout,
since the event loop appends to them.
"""

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from promscrape.storage.remote import _encode_py
from promscrape.storage.remote._encode_py import encode_metadata_v1
from promscrape.storage.remote._histogram_message import encode_histogram

__all__ = ["Encoder", "encode_metadata_v1"]

cdef extern from *:
    """
    #include <stdint.h>

    static inline uint64_t little_endian(uint64_t bits) {
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        return __builtin_bswap64(bits);
    #else
        return bits;
    #endif
    }

    static inline int size_of_uvarint(uint64_t number) {
        return (63 - __builtin_clzll(number | 1)) / 7 + 1;
    }
    """
    uint64_t little_endian(uint64_t bits) nogil
    int size_of_uvarint(uint64_t number) nogil

cdef enum:
    # Tags: the field's number, and 0 for a varint, 1 for eight bytes, 2 for a length and bytes.
    FIRST_BYTES = 0x0A
    SECOND_BYTES = 0x12
    SERIES_V2 = 0x2A
    SYMBOL_V2 = 0x22
    HISTOGRAM_V1 = 0x22
    METADATA_V2 = 0x2A
    VALUE = 0x09
    TIME = 0x10
    START = 0x18
    # Two tags, two lengths and a sample with both of its times, and some more.
    ROOM_BESIDE_LABELS = 96


# Bytes that are being written; grows by doubling.
cdef class _Output:
    cdef uint8_t* begin
    cdef uint8_t* at
    cdef uint8_t* end

    def __dealloc__(self):
        free(self.begin)

    cdef int make_room(self, size_t size) except -1:
        cdef size_t used, room
        cdef uint8_t* grown
        if <size_t>(self.end - self.at) >= size:
            return 0
        used = self.at - self.begin
        room = 2 * (self.end - self.begin) + size + 4096
        grown = <uint8_t*>realloc(self.begin, room)
        if grown == NULL:
            raise MemoryError
        self.begin, self.at, self.end = grown, grown + used, grown + room
        return 0

    cdef bytes taken(self):
        taken = PyBytes_FromStringAndSize(<char*>self.begin, self.at - self.begin)
        self.at = self.begin
        return taken


cdef inline uint8_t* put_uvarint(uint8_t* at, uint64_t number) noexcept nogil:
    while number >= 0x80:
        at[0] = <uint8_t>(number | 0x80)
        number >>= 7
        at += 1
    at[0] = <uint8_t>number
    return at + 1


cdef inline uint8_t* put_bytes(uint8_t* at, int tag, const void* text, size_t size) noexcept nogil:
    at[0] = <uint8_t>tag
    at = put_uvarint(at + 1, size)
    memcpy(at, text, size)
    return at + size


cdef inline size_t size_of_bytes(size_t size) noexcept nogil:
    return 1 + size_of_uvarint(size) + size


# The members of a sample; what is zero is left out, and -0.0 is not zero.
cdef struct Sample:
    uint64_t bits
    uint64_t t_ms
    uint64_t start_ms
    size_t size


cdef inline Sample sample_of(const double* value, int64_t t_ms, int64_t start_ms) noexcept nogil:
    cdef Sample sample
    memcpy(&sample.bits, value, 8)
    sample.t_ms, sample.start_ms = <uint64_t>t_ms, <uint64_t>start_ms
    sample.size = (9 if sample.bits else 0)
    if sample.t_ms:
        sample.size += 1 + size_of_uvarint(sample.t_ms)
    if sample.start_ms:
        sample.size += 1 + size_of_uvarint(sample.start_ms)
    return sample


cdef inline uint8_t* put_sample(uint8_t* at, const Sample* sample) noexcept nogil:
    cdef uint64_t bits = little_endian(sample.bits)
    at[0] = SECOND_BYTES
    at = put_uvarint(at + 1, sample.size)
    if sample.bits:
        at[0] = VALUE
        memcpy(at + 1, &bits, 8)
        at += 9
    if sample.t_ms:
        at[0] = TIME
        at = put_uvarint(at + 1, sample.t_ms)
    if sample.start_ms:
        at[0] = START
        at = put_uvarint(at + 1, sample.start_ms)
    return at


# The symbol texts of a destination.
cdef inline const char* text_of(list symbols, uint32_t symbol, size_t* size) noexcept:
    cdef PyObject* text = PyList_GET_ITEM(symbols, symbol)
    size[0] = PyBytes_GET_SIZE(<object>text)
    return PyBytes_AS_STRING(<object>text)


cdef class Encoder:
    """See the plain twin."""

    cdef object series, plain
    cdef _Output output
    # By symbol: its reference in the request at hand, good where the stamp is the request's.
    cdef uint32_t* references
    cdef uint32_t* stamps
    cdef size_t symbol_room
    cdef uint32_t stamp, next_reference
    cdef _Output fields

    def __cinit__(self, series):
        self.series, self.plain = series, _encode_py.Encoder(series)
        self.output, self.fields = _Output(), _Output()

    def __dealloc__(self):
        free(self.references)
        free(self.stamps)

    def encode_v1(self, columns):
        """Return a `prometheus.WriteRequest`."""
        cdef list symbols = self.series.symbols
        cdef c_array.array rows = columns.rows, times = columns.timestamps, values = columns.values
        cdef c_array.array arena = self.series.arena
        cdef c_array.array begins = self.series.begins, ends = self.series.ends
        cdef dict histograms = dict(columns.histograms), exemplars = dict(columns.exemplars)
        cdef bint is_sparse = bool(histograms or exemplars)
        cdef Py_ssize_t position, count = len(rows)
        cdef _Output out = self.output
        cdef Sample sample
        cdef size_t labels_size, item_size
        cdef uint32_t row
        cdef uint64_t begin, end
        cdef bytes tail = b"", histogram = b""
        _check_lengths(count, values, times, None)
        out.at = out.begin
        for position in range(count):
            row = rows.data.as_uints[position]
            begin, end = begins.data.as_ulonglongs[row], ends.data.as_ulonglongs[row]
            labels_size = size_of_labels(symbols, arena.data.as_uints + begin, end - begin)
            sample = sample_of(
                values.data.as_doubles + position, times.data.as_longlongs[position], 0
            )
            item_size = size_of_bytes(sample.size)
            if is_sparse:
                tail = b"".join(map(_encode_py._exemplar_v1, exemplars.get(position, ())))
                histogram = _histogram_field(histograms, times, position)
                item_size = len(histogram) or item_size
            out.make_room(labels_size + item_size + len(tail) + ROOM_BESIDE_LABELS)
            out.at[0] = FIRST_BYTES
            out.at = put_uvarint(out.at + 1, labels_size + item_size + len(tail))
            out.at = put_labels(out.at, symbols, arena.data.as_uints + begin, end - begin)
            if is_sparse and histogram:
                memcpy(out.at, PyBytes_AS_STRING(histogram), item_size)
                out.at += item_size
            else:
                out.at = put_sample(out.at, &sample)
            if tail:
                memcpy(out.at, PyBytes_AS_STRING(tail), len(tail))
                out.at += len(tail)
        return out.taken()

    def encode_v2(self, columns):
        """Return an `io.prometheus.write.v2.Request`, with the metadata that is known now."""
        cdef c_array.array rows = columns.rows, times = columns.timestamps, values = columns.values
        cdef c_array.array starts = columns.starts
        cdef Py_ssize_t position, count = len(rows)
        cdef _Output out = self.output
        if columns.exemplars or columns.histograms:
            return self.plain.encode_v2(columns)
        _check_lengths(count, values, times, starts)
        self._refresh_metadata(rows)
        self._begin_symbols()
        out.at = out.begin
        for position in range(count):
            self._put_series_v2(
                rows.data.as_uints[position],
                sample_of(
                    values.data.as_doubles + position,
                    times.data.as_longlongs[position],
                    starts.data.as_longlongs[position] if starts is not None else 0,
                ),
            )
        return self.fields.taken() + out.taken()

    cdef int _refresh_metadata(self, c_array.array rows) except -1:
        cdef uint64_t now = self.series._metadata_changes() + 1
        cdef c_array.array as_of = self.series._metadata_as_of
        cdef Py_ssize_t position
        for position in range(len(rows)):
            if as_of.data.as_ulonglongs[rows.data.as_uints[position]] != now:
                self.series.refresh_metadata(rows)
                return 0
        return 0

    cdef int _put_series_v2(self, uint32_t row, Sample sample) except -1:
        cdef c_array.array arena = self.series.arena
        cdef c_array.array begins = self.series.begins, ends = self.series.ends
        cdef c_array.array metadata_of = self.series.metadata_of
        cdef uint64_t begin = begins.data.as_ulonglongs[row], at
        cdef uint64_t count = ends.data.as_ulonglongs[row] - begin
        cdef const uint32_t* symbols = arena.data.as_uints + begin
        cdef uint32_t entry = metadata_of.data.as_uints[row], kind = 0, help_ = 0, unit = 0
        cdef size_t refs_size = 0, metadata_size = 0
        cdef _Output out = self.output
        for at in range(count):
            refs_size += size_of_uvarint(self._reference(symbols[at]))
        if entry:
            kind, help_, unit = self.series.metadata_entries[entry]
            metadata_size = (1 + size_of_uvarint(kind) if kind else 0)
            metadata_size += (1 + size_of_uvarint(self._reference(help_)) if help_ else 0)
            metadata_size += (1 + size_of_uvarint(self._reference(unit)) if unit else 0)
        out.make_room(refs_size + metadata_size + ROOM_BESIDE_LABELS)
        out.at[0] = SERIES_V2
        out.at = put_uvarint(
            out.at + 1,
            size_of_bytes(refs_size) + size_of_bytes(sample.size) + size_of_bytes(metadata_size),
        )
        out.at[0] = FIRST_BYTES
        out.at = put_uvarint(out.at + 1, refs_size)
        for at in range(count):
            out.at = put_uvarint(out.at, self.references[symbols[at]] if symbols[at] else 0)
        out.at = put_sample(out.at, &sample)
        out.at[0] = METADATA_V2
        out.at = put_uvarint(out.at + 1, metadata_size)
        if kind:
            out.at[0] = 0x08
            out.at = put_uvarint(out.at + 1, kind)
        if help_:
            out.at[0] = 0x18
            out.at = put_uvarint(out.at + 1, self.references[help_])
        if unit:
            out.at[0] = 0x20
            out.at = put_uvarint(out.at + 1, self.references[unit])
        return 0

    # Begin the symbol table of a request, with the empty string.
    cdef int _begin_symbols(self) except -1:
        self.stamp += 1
        if self.stamp == 0:
            memset(self.stamps, 0, self.symbol_room * sizeof(uint32_t))
            self.stamp = 1
        self.next_reference = 1
        self.fields.at = self.fields.begin
        self.fields.make_room(2)
        self.fields.at = put_bytes(self.fields.at, SYMBOL_V2, b"", 0)
        return 0

    # Return the reference of a symbol in this request, which may be its first use.
    cdef uint32_t _reference(self, uint32_t symbol) except? 0xFFFFFFFF:
        cdef size_t size
        cdef const char* text
        if symbol == 0:
            return 0
        if symbol >= self.symbol_room:
            self._make_room_for_symbols()
        if self.stamps[symbol] != self.stamp:
            text = text_of(self.series.symbols, symbol, &size)
            self.fields.make_room(size + 12)
            self.fields.at = put_bytes(self.fields.at, SYMBOL_V2, text, size)
            self.stamps[symbol] = self.stamp
            self.references[symbol] = self.next_reference
            self.next_reference += 1
        return self.references[symbol]

    cdef int _make_room_for_symbols(self) except -1:
        cdef size_t room = PyList_GET_SIZE(self.series.symbols) * 5 // 4 + 64
        cdef void* grown = realloc(self.references, room * sizeof(uint32_t))
        if grown == NULL:
            raise MemoryError
        self.references = <uint32_t*>grown
        grown = realloc(self.stamps, room * sizeof(uint32_t))
        if grown == NULL:
            raise MemoryError
        self.stamps = <uint32_t*>grown
        memset(self.stamps + self.symbol_room, 0, (room - self.symbol_room) * sizeof(uint32_t))
        self.symbol_room = room
        return 0


cdef int _check_lengths(
    Py_ssize_t count, c_array.array values, c_array.array times, c_array.array starts
) except -1:
    if len(values) != count or len(times) != count or (starts is not None and len(starts) != count):
        raise ValueError(f"columns of different lengths beside {count} rows")
    return 0


cdef bytes _histogram_field(dict histograms, c_array.array times, Py_ssize_t position):
    histogram = histograms.get(position)
    if histogram is None:
        return b""
    body = encode_histogram(histogram, times.data.as_longlongs[position], 0, is_v2=False)
    return _encode_py._field(b"\x22", body)


# Return the bytes that `put_labels` writes.
cdef size_t size_of_labels(list symbols, const uint32_t* labels, uint64_t count) noexcept:
    cdef size_t size = 0, name, value
    cdef uint64_t at
    for at in range(0, count - 1 if count else 0, 2):
        text_of(symbols, labels[at], &name)
        text_of(symbols, labels[at + 1], &value)
        size += size_of_bytes(size_of_bytes(name) + size_of_bytes(value))
    return size


# Write names and values by turns as the label fields of a TimeSeries.
cdef uint8_t* put_labels(
    uint8_t* at, list symbols, const uint32_t* labels, uint64_t count
) noexcept:
    cdef const char* name
    cdef const char* value
    cdef size_t name_size, value_size
    cdef uint64_t index
    for index in range(0, count - 1 if count else 0, 2):
        name = text_of(symbols, labels[index], &name_size)
        value = text_of(symbols, labels[index + 1], &value_size)
        at[0] = FIRST_BYTES
        at = put_uvarint(at + 1, size_of_bytes(name_size) + size_of_bytes(value_size))
        at = put_bytes(at, FIRST_BYTES, name, name_size)
        at = put_bytes(at, SECOND_BYTES, value, value_size)
    return at
