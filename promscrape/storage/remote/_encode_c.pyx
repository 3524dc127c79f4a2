# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Rows and symbols come from the destination's own columns, which are as long as they have to be.
"""The compiled twin of `_encode_py`, which says what the messages are.

The label sets are put together from the symbols of the store of label sets each time: that takes no
longer than a look-up. The store is read with the GIL held throughout, since the event loop adds to
it; no object is made meanwhile whose end could change it. Both versions stand in one file: they share
the columns of a request, and the sample that they are made of.
"""

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.buffer cimport PyBUF_READ, PyBUF_WRITE
from cpython.list cimport PyList_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove, memset

import cramjam

from promscrape.model._label_store_c cimport LabelStore
from promscrape.model._uvarint_c cimport put_uvarint, size_of_uvarint

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
    """
    uint64_t little_endian(uint64_t bits) nogil

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
    # Two tags, two lengths and a sample with both of its times, metadata, and what is copied too
    # much of a short string: the store has that much room behind each.
    ROOM_BESIDE_LABELS = 128
    SHORT = 32
    # Of a TimeSeries of the second version: its tag and length, and those of its labels.
    SHORT_HEAD = 4


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


# Return how long a string is with its length before it, as the store and the messages have it.
cdef inline size_t size_of_sized(const uint8_t* text) noexcept nogil:
    cdef uint64_t size = text[0] & 0x7F
    cdef size_t at = 0
    while text[at] >= 0x80:
        at += 1
        size |= <uint64_t>(text[at] & 0x7F) << (7 * at)
    return at + 1 + size


# The number of a string in the request with this stamp.
cdef struct Reference:
    uint32_t stamp
    uint32_t number


cdef struct Metadata:
    uint32_t kind
    uint32_t help_
    uint32_t unit


cdef inline uint8_t* put_text(uint8_t* at, const uint8_t* text, size_t size) noexcept nogil:
    # Most are short: a copy of a fixed size takes a fraction of a call, and both sides have room.
    memcpy(at, text, SHORT)
    if size > SHORT:
        memcpy(at + SHORT, text + SHORT, size - SHORT)
    return at + size


cdef class Encoder:
    """See the plain twin."""

    cdef object series, plain
    cdef readonly Py_ssize_t described
    cdef _Output output, packing
    cdef LabelStore store
    cdef Reference* references  # by symbol
    cdef size_t symbol_room
    cdef uint32_t stamp, next_reference
    cdef _Output fields
    # By entry of the metadata; `entries` is the list they were made of, which only grows.
    cdef list entries
    cdef Metadata* metadata
    cdef size_t metadata_made, metadata_room

    def __cinit__(self, series):
        self.series, self.plain = series, _encode_py.Encoder(series)
        self.store = series.label_sets
        self.output, self.packing, self.fields = _Output(), _Output(), _Output()

    def __dealloc__(self):
        free(self.references)
        free(self.metadata)

    def encode_v1(self, columns):
        """Return a `prometheus.WriteRequest`."""
        self._write_v1(columns)
        return self.output.taken()

    def encode_v2(self, columns):
        """Return an `io.prometheus.write.v2.Request`, with the metadata that is known now."""
        if columns.exemplars or columns.histograms:
            message = self.plain.encode_v2(columns)
            self.described = self.plain.described
            return message
        self._write_v2(columns)
        return self.fields.taken()

    def pack(self, columns, *, bint is_v2):
        """Return the body of a request: its message, packed.

        The message itself stays where the next one will be: memory of its size comes fresh from
        the system each time, which costs more than to write it.
        """
        if not is_v2:
            self._write_v1(columns)
            return self._packed(self.output)
        if columns.exemplars or columns.histograms:
            packed = self.plain.pack(columns, is_v2=True)
            self.described = self.plain.described
            return packed
        self._write_v2(columns)
        return self._packed(self.fields)

    cdef bytes _packed(self, _Output message):
        cdef size_t size = message.at - message.begin
        cdef _Output packed = self.packing
        packed.at = packed.begin
        # The most that snappy makes of so many bytes: a sixth more, and its own head.
        packed.make_room(32 + size + size // 6)
        packed.at += <size_t>cramjam.snappy.compress_raw_into(
            PyMemoryView_FromMemory(<char*>message.begin, size, PyBUF_READ),
            PyMemoryView_FromMemory(<char*>packed.begin, packed.end - packed.begin, PyBUF_WRITE),
        )
        return packed.taken()

    cdef int _write_v1(self, columns) except -1:
        cdef c_array.array rows = columns.rows, times = columns.timestamps, values = columns.values
        cdef dict histograms = dict(columns.histograms), exemplars = dict(columns.exemplars)
        cdef bint is_sparse = bool(histograms or exemplars)
        cdef Py_ssize_t position, count = len(rows)
        cdef _Output out = self.output
        cdef Sample sample
        cdef size_t labels_size, item_size, labels_count
        cdef const uint32_t* labels
        cdef bytes tail = b"", histogram = b""
        _check_lengths(count, values, times, None)
        out.make_room(1)  # a message of nothing has a place too
        out.at = out.begin
        for position in range(count):
            labels = self.store.labels_of(rows.data.as_uints[position], &labels_count)
            labels_size = self._size_of_labels(labels, labels_count)
            sample = sample_of(
                values.data.as_doubles + position, times.data.as_longlongs[position], 0
            )
            item_size = size_of_bytes(sample.size)
            if is_sparse:
                tail = b"".join(map(_encode_py._exemplar_v1, exemplars.get(position, ())))
                histogram = _histogram_field(histograms, times, position)
                item_size = len(histogram) or item_size
                labels = self.store.labels_of(rows.data.as_uints[position], &labels_count)
            out.make_room(labels_size + item_size + len(tail) + ROOM_BESIDE_LABELS)
            out.at[0] = FIRST_BYTES
            out.at = put_uvarint(out.at + 1, labels_size + item_size + len(tail))
            out.at = self._put_labels(out.at, labels, labels_count)
            if is_sparse and histogram:
                memcpy(out.at, PyBytes_AS_STRING(histogram), item_size)
                out.at += item_size
            else:
                out.at = put_sample(out.at, &sample)
            if tail:
                memcpy(out.at, PyBytes_AS_STRING(tail), len(tail))
                out.at += len(tail)
        return 0

    # Return the bytes that `_put_labels` writes.
    cdef inline size_t _size_of_labels(self, const uint32_t* labels, size_t count) noexcept:
        cdef size_t size = 0, at
        for at in range(0, count, 2):
            size += size_of_bytes(
                2
                + size_of_sized(self.store.sized_text(labels[at]))
                + size_of_sized(self.store.sized_text(labels[at + 1]))
            )
        return size

    # Write names and values by turns as the label fields of a TimeSeries.
    cdef inline uint8_t* _put_labels(
        self, uint8_t* at, const uint32_t* labels, size_t count
    ) noexcept:
        cdef const uint8_t* name
        cdef const uint8_t* value
        cdef size_t index, name_size, value_size
        for index in range(0, count, 2):
            name = self.store.sized_text(labels[index])
            value = self.store.sized_text(labels[index + 1])
            name_size, value_size = size_of_sized(name), size_of_sized(value)
            at[0] = FIRST_BYTES
            at = put_uvarint(at + 1, 2 + name_size + value_size)
            at[0] = FIRST_BYTES
            at = put_text(at + 1, name, name_size)
            at[0] = SECOND_BYTES
            at = put_text(at + 1, value, value_size)
        return at

    cdef int _make_room_for_symbols(self, size_t count) except -1:
        cdef size_t room
        cdef void* grown
        if count <= self.symbol_room:
            return 0
        room = count * 5 // 4 + 64
        grown = realloc(self.references, room * sizeof(Reference))
        if grown == NULL:
            raise MemoryError
        self.references = <Reference*>grown
        memset(
            self.references + self.symbol_room, 0, (room - self.symbol_room) * sizeof(Reference)
        )
        self.symbol_room = room
        return 0

    # Write the message into `fields`.
    cdef int _write_v2(self, columns) except -1:
        cdef c_array.array rows = columns.rows, times = columns.timestamps, values = columns.values
        cdef c_array.array starts = columns.starts
        cdef c_array.array metadata_of
        cdef const uint32_t* labels
        cdef size_t labels_count
        cdef Py_ssize_t position, count = len(rows)
        cdef _Output out = self.output
        cdef uint32_t row
        cdef Sample sample
        _check_lengths(count, values, times, starts)
        self._refresh_metadata(rows)
        self._make_room_for_symbols(self.store.symbol_end)
        self._follow_metadata()
        self._begin_symbols()
        metadata_of = self.series.metadata_of
        out.at = out.begin
        self.described = 0
        for position in range(count):
            row = rows.data.as_uints[position]
            labels = self.store.labels_of(row, &labels_count)
            self.described += metadata_of.data.as_uints[row] != 0
            sample = sample_of(
                values.data.as_doubles + position,
                times.data.as_longlongs[position],
                starts.data.as_longlongs[position] if starts is not None else 0,
            )
            self._put_series_v2(
                out,
                labels,
                labels_count,
                &sample,
                self.metadata + metadata_of.data.as_uints[row],
            )
        self.fields.make_room(out.at - out.begin)
        memcpy(self.fields.at, out.begin, out.at - out.begin)
        self.fields.at += out.at - out.begin
        return 0

    cdef int _refresh_metadata(self, c_array.array rows) except -1:
        cdef uint64_t now = self.series._metadata_changes() + 1
        cdef c_array.array as_of = self.series._metadata_as_of
        cdef Py_ssize_t position, known = len(as_of)
        cdef uint32_t row
        for position in range(len(rows)):
            row = rows.data.as_uints[position]
            if row >= known or as_of.data.as_ulonglongs[row] != now:
                self.series.refresh_metadata(rows)
                return 0
        return 0

    # Take over the entries of the metadata that are new since the last request.
    cdef int _follow_metadata(self) except -1:
        cdef list entries = self.series.metadata_entries
        cdef size_t room, count = PyList_GET_SIZE(entries)
        cdef Metadata* made
        if entries is not self.entries:
            self.entries, self.metadata_made = entries, 0
        if count > self.metadata_room:
            room = count * 5 // 4 + 16
            made = <Metadata*>realloc(self.metadata, room * sizeof(Metadata))
            if made == NULL:
                raise MemoryError
            self.metadata, self.metadata_room = made, room
        while self.metadata_made < count:
            made = self.metadata + self.metadata_made
            made.kind, made.help_, made.unit = entries[self.metadata_made]
            self.metadata_made += 1
        return 0

    cdef inline int _put_series_v2(
        self,
        _Output out,
        const uint32_t* labels,
        uint64_t count,
        const Sample* sample,
        const Metadata* known,
    ) except -1:
        cdef uint8_t* body
        cdef uint8_t* at
        cdef uint64_t index
        cdef size_t refs_size, head_size, size
        out.make_room(5 * count + ROOM_BESIDE_LABELS)
        # As if both of the lengths had a single byte; a longer series is moved then.
        body = at = out.at + SHORT_HEAD
        for index in range(count):
            at = put_uvarint(at, self._reference(labels[index]))
        refs_size = at - body
        at = put_sample(at, sample)
        at = self._put_metadata(at, known)
        size = 1 + size_of_uvarint(refs_size) + (at - body)
        head_size = 2 + size_of_uvarint(size) + size_of_uvarint(refs_size)
        if head_size != SHORT_HEAD:
            memmove(out.at + head_size, body, at - body)
            at += head_size - SHORT_HEAD
        out.at[0] = SERIES_V2
        out.at = put_uvarint(out.at + 1, size)
        out.at[0] = FIRST_BYTES
        put_uvarint(out.at + 1, refs_size)
        out.at = at
        return 0

    cdef inline uint8_t* _put_metadata(self, uint8_t* at, const Metadata* known) except NULL:
        cdef uint8_t* begin = at
        at += 2  # the tag, and a length below 128
        if known.kind:
            at[0] = 0x08
            at = put_uvarint(at + 1, known.kind)
        if known.help_:
            at[0] = 0x18
            at = put_uvarint(at + 1, self._reference(known.help_))
        if known.unit:
            at[0] = 0x20
            at = put_uvarint(at + 1, self._reference(known.unit))
        begin[0] = METADATA_V2
        begin[1] = <uint8_t>(at - begin - 2)
        return at

    # Begin the symbol table of a request, with the empty string.
    cdef int _begin_symbols(self) except -1:
        self.stamp += 1
        if self.stamp == 0:
            memset(self.references, 0, self.symbol_room * sizeof(Reference))
            self.stamp = 1
        self.references[0].stamp, self.references[0].number = self.stamp, 0
        self.next_reference = 1
        self.fields.at = self.fields.begin
        self.fields.make_room(2)
        self.fields.at = put_bytes(self.fields.at, SYMBOL_V2, b"", 0)
        return 0

    # Return the reference of a symbol in this request, which may be its first use.
    cdef inline uint32_t _reference(self, uint32_t symbol) except? 0xFFFFFFFF:
        if self.references[symbol].stamp != self.stamp:
            self._add_reference(symbol)
        return self.references[symbol].number

    cdef int _add_reference(self, uint32_t symbol) except -1:
        cdef const uint8_t* text = self.store.sized_text(symbol)
        cdef size_t size = size_of_sized(text)
        self.fields.make_room(size + 1 + SHORT)
        self.fields.at[0] = SYMBOL_V2
        self.fields.at = put_text(self.fields.at + 1, text, size)
        self.references[symbol].stamp = self.stamp
        self.references[symbol].number = self.next_reference
        self.next_reference += 1
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
