# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Each loop below checks its own reach, once for several bytes, and counts from the front.
"""The compiled twin of `_record_py`, which says what these functions do.

A record that is not well-formed is given to the plain twin, which then says what is wrong with it.
All of the codec stands in one file, as there, since both directions share how numbers are written.
"""

from array import array

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy

from promscrape.model._label_store_c cimport LabelStore
from promscrape.model._uvarint_c cimport get_uvarint, put_uvarint

from promscrape.storage.wal import _record_py
from promscrape.storage.wal._record_py import encode_series, samples_head
from promscrape.storage.wal.record_types import LoggedSeries

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

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static inline uint64_t big_endian(uint64_t bits) {
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        return bits;
    #else
        return __builtin_bswap64(bits);
    #endif
    }
    """
    uint64_t big_endian(uint64_t bits) nogil

cdef enum:
    HEAD_BYTES = 17
    SERIES_TYPE = 1
    SAMPLES_TYPE = 2
    VALUE_BYTES = 8
    # Two varints of ten bytes, and the value.
    WIDEST_ENTRY = 28

cdef object _REFS = array("Q")
cdef object _OFFSETS = array("q")
cdef object _VALUES = array("d")


# Rows of refs that follow one another, as a target's series mostly do.
cdef struct Stretch:
    uint64_t ref
    uint32_t count


# Write `number` as a zigzagged uvarint and return the place behind it. Room for ten bytes is
# the caller's.
cdef inline uint8_t* put_varint(uint8_t* at, uint64_t number) noexcept nogil:
    return put_uvarint(at, (number << 1) ^ (0 - (number >> 63)))


# Write the bits of `value` from the highest byte, and return the place behind them.
cdef inline uint8_t* put_value(uint8_t* at, const double* value) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, value, VALUE_BYTES)
    bits = big_endian(bits)
    memcpy(at, &bits, VALUE_BYTES)
    return at + VALUE_BYTES


# Write the head of a record of type 2.
cdef inline void put_head(uint8_t* at, uint64_t ref0, int64_t t0_ms) noexcept nogil:
    cdef uint64_t bits = big_endian(ref0)
    at[0] = SAMPLES_TYPE
    memcpy(at + 1, &bits, 8)
    bits = big_endian(<uint64_t>t0_ms)
    memcpy(at + 9, &bits, 8)


cdef inline uint64_t unzigzag(uint64_t number) noexcept nogil:
    return (number >> 1) ^ (0 - (number & 1))


cdef class SampleLayout:
    """See the plain twin. Keeps the stretches of refs, and makes the varints anew each time."""

    cdef readonly Py_ssize_t count
    cdef uint64_t ref0
    cdef Stretch* stretches
    cdef Py_ssize_t stretch_count

    def __cinit__(self, ref0, refs):
        cdef uint64_t[::1] given = refs if isinstance(refs, array) else array("Q", refs)
        self.ref0 = ref0
        self.count = given.shape[0]
        self.stretches = NULL
        self._gather(given)

    def __dealloc__(self):
        free(self.stretches)

    cdef int _gather(self, uint64_t[::1] refs) except -1:
        cdef Py_ssize_t at, used = 0, room = 0
        cdef Stretch* last = NULL
        cdef Stretch* grown
        for at in range(self.count):
            if last != NULL and refs[at] == last.ref + last.count and last.count < 0xFFFFFFFF:
                last.count += 1
                continue
            if used == room:
                room = 2 * room + 4
                grown = <Stretch*>realloc(self.stretches, room * sizeof(Stretch))
                if grown == NULL:
                    raise MemoryError
                self.stretches = grown
            last = &self.stretches[used]
            last.ref, last.count = refs[at], 1
            used += 1
        self.stretch_count = used
        return 0

    def encode(self, values):
        """Return the entries with these values; raises ValueError where their number differs."""
        return self._filled(values, 0, 0)

    def record(self, t0_ms, values):
        """Return a whole record, whose head and entries have this timestamp."""
        return self._filled(values, HEAD_BYTES, t0_ms)

    cdef bytes _filled(self, values, Py_ssize_t head, int64_t t0_ms):
        cdef double[::1] column = values
        cdef uint8_t* room
        cdef Py_ssize_t size = 0
        if column.shape[0] != self.count:
            raise ValueError(f"{column.shape[0]} values for {self.count} entries")
        # A varint of a ref's distance is mostly of one to three bytes.
        room = <uint8_t*>malloc(head + self.count * WIDEST_ENTRY + 1)
        if room == NULL:
            raise MemoryError
        try:
            if head:
                put_head(room, self.ref0, t0_ms)
            if self.count:
                with nogil:
                    size = self._put(room + head, &column[0])
            return PyBytes_FromStringAndSize(<char*>room, head + size)
        finally:
            free(room)

    cdef Py_ssize_t _put(self, uint8_t* room, const double* value) noexcept nogil:
        cdef uint8_t* at = room
        cdef uint64_t delta, end
        cdef Py_ssize_t index
        for index in range(self.stretch_count):
            delta = self.stretches[index].ref - self.ref0
            end = delta + self.stretches[index].count
            while delta != end:
                at = put_varint(at, delta)
                at[0] = 0
                at = put_value(at + 1, value)
                delta += 1
                value += 1
        return at - room


def encode_entries(head, refs, timestamps_ms, values):
    """Return entries of a record of type 2 whose ref0 and t0 are `head`."""
    cdef uint64_t[::1] ref_column = refs if isinstance(refs, array) else array("Q", refs)
    cdef int64_t[::1] times = (
        timestamps_ms if isinstance(timestamps_ms, array) else array("q", timestamps_ms)
    )
    cdef double[::1] column = values
    cdef uint64_t ref0 = head[0]
    cdef int64_t t0_ms = head[1]
    cdef Py_ssize_t count = ref_column.shape[0], index
    cdef uint8_t* room
    cdef uint8_t* at
    if times.shape[0] != count or column.shape[0] != count:
        raise ValueError(f"{count} refs, {times.shape[0]} times, {column.shape[0]} values")
    if count == 0:
        return b""
    room = <uint8_t*>malloc(count * WIDEST_ENTRY)
    if room == NULL:
        raise MemoryError
    at = room
    for index in range(count):
        at = put_varint(at, ref_column[index] - ref0)
        at = put_varint(at, <uint64_t>times[index] - <uint64_t>t0_ms)
        at = put_value(at, &column[index])
    try:
        return PyBytes_FromStringAndSize(<char*>room, at - room)
    finally:
        free(room)


def encode_samples(refs, timestamps_ms, values):
    """Encode a record of type 2 of one sample or more."""
    head = refs[0], timestamps_ms[0]
    return samples_head(*head) + encode_entries(head, refs, timestamps_ms, values)


def encode_kept_series(c_array.array refs not None, LabelStore labels not None, c_array.array rows not None):
    """See the plain twin."""
    cdef Py_ssize_t count = len(rows), at
    cdef size_t size = 1
    cdef uint64_t ref
    cdef bytes record
    cdef uint8_t* to
    if len(refs) != count:
        raise ValueError("as many refs as rows are wanted")
    for at in range(count):
        size += 8 + labels.size_of_wire(rows.data.as_uints[at])
    record = PyBytes_FromStringAndSize(NULL, size)
    to = <uint8_t*>PyBytes_AS_STRING(record)
    to[0] = SERIES_TYPE
    to += 1
    for at in range(count):
        ref = big_endian(refs.data.as_ulonglongs[at])
        memcpy(to, &ref, 8)
        to = labels.put_wire(to + 8, rows.data.as_uints[at])
    return record


def decode_series(record):
    """Decode a record of type 1."""
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(record)
    cdef const uint8_t* end = begin + PyBytes_GET_SIZE(record)
    cdef const uint8_t* at = begin + 1
    cdef const uint8_t* labels
    cdef uint64_t ref
    series = []
    while at < end:
        labels = at + 8
        if labels >= end:
            return _record_py.decode_series(record)
        memcpy(&ref, at, 8)
        at = end_of_labels(labels, end)
        if at == NULL:
            return _record_py.decode_series(record)
        wire = PyBytes_FromStringAndSize(<const char*>labels, at - labels)
        series.append(LoggedSeries(big_endian(ref), wire))
    return series


# Return the place behind the label set that starts at `at`, NULL where it does not end by `end`.
cdef const uint8_t* end_of_labels(const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef uint64_t count, size, index
    at = get_uvarint(at, end, &count)
    if at == NULL or count > <uint64_t>(end - at):
        return NULL
    for index in range(2 * count):
        at = get_uvarint(at, end, &size)
        if at == NULL or size > <uint64_t>(end - at):
            return NULL
        at += size
    return at


cdef class SampleColumns:
    """See the plain twin."""

    cdef readonly object refs
    cdef readonly object base_ms
    cdef readonly object offsets_ms
    cdef readonly object starts  # records that have them are left to the plain twin
    cdef object _values

    def __init__(self, refs, base_ms, offsets_ms, values):
        self.refs, self.base_ms, self.offsets_ms, self._values = refs, base_ms, offsets_ms, values

    def timestamps_ms(self):
        cdef int64_t[::1] times
        cdef const int64_t[::1] offsets
        cdef int64_t base_ms = self.base_ms
        cdef Py_ssize_t index
        if self.offsets_ms is None:
            return array("q", (base_ms,)) * len(self.refs)
        offsets = self.offsets_ms
        found = c_array.clone(_OFFSETS, offsets.shape[0], zero=False)
        times = found
        for index in range(offsets.shape[0]):
            # In unsigned numbers, where going over the end is defined.
            times[index] = <int64_t>(<uint64_t>base_ms + <uint64_t>offsets[index])
        return found

    def values(self):
        return self._values


cdef class SampleDecoder:
    """See the plain twin."""

    cdef object _plain
    cdef readonly dict _known
    cdef Py_ssize_t _room, _remembered_samples

    def __init__(self, remembered_samples=1_000_000):
        self._plain = _record_py.SampleDecoder(remembered_samples)
        self._room = self._remembered_samples = remembered_samples
        self._known = {}

    def decode(self, record):
        """Raises MalformedRecord where the record breaks its layout."""
        cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(record)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(record), count
        cdef uint64_t ref0, t0_ms
        cdef bint on_one_time = True
        if size <= HEAD_BYTES or begin[0] != 2:
            return self._plain.decode(record)
        with nogil:
            count = count_entries(begin + HEAD_BYTES, begin + size, &on_one_time)
        if count < 0:
            return self._plain.decode(record)
        memcpy(&ref0, begin + 1, 8)
        memcpy(&t0_ms, begin + 9, 8)
        refs = c_array.clone(_REFS, count, zero=False)
        offsets = c_array.clone(_OFFSETS, count, zero=False)
        values = c_array.clone(_VALUES, count, zero=False)
        fill_columns(begin + HEAD_BYTES, big_endian(ref0), count, refs, offsets, values)
        return SampleColumns(
            self._shared(refs),
            <int64_t>big_endian(t0_ms),
            None if on_one_time else offsets,
            values,
        )

    # Return the remembered array of the same refs, or this one, which is then remembered.
    cdef object _shared(self, c_array.array refs):
        cdef Py_ssize_t count = len(refs)
        cdef c_array.array known
        key = refs[0], refs[count - 1], count, fingerprint(refs.data.as_ulonglongs, count)
        known = self._known.get(key)
        if known is not None and memcmp(
            known.data.as_ulonglongs, refs.data.as_ulonglongs, 8 * count
        ) == 0:
            return known
        self._room -= count
        if self._room < 0:
            self._known.clear()
            self._room = self._remembered_samples - count
        self._known[key] = refs
        return refs


# Return the number of entries between `at` and `end`, -1 where they do not end there.
cdef Py_ssize_t count_entries(
    const uint8_t* at, const uint8_t* end, bint* on_one_time
) noexcept nogil:
    cdef Py_ssize_t count = 0
    cdef uint64_t delta
    while at < end:
        at = get_uvarint(at, end, &delta)
        if at == NULL:
            return -1
        at = get_uvarint(at, end, &delta)
        if at == NULL or end - at < VALUE_BYTES:
            return -1
        if delta != 0:
            on_one_time[0] = False
        at += VALUE_BYTES
        count += 1
    return count


# Decode `count` entries that were counted before.
cdef int fill_columns(
    const uint8_t* at,
    uint64_t ref0,
    Py_ssize_t count,
    c_array.array refs,
    c_array.array offsets,
    c_array.array values,
) except -1:
    cdef uint64_t* ref_column = <uint64_t*>refs.data.as_ulonglongs
    cdef int64_t* offset_column = <int64_t*>offsets.data.as_longlongs
    cdef uint64_t* bits = <uint64_t*>values.data.as_doubles
    cdef uint64_t number = 0
    cdef Py_ssize_t index
    with nogil:
        for index in range(count):
            at = get_uvarint(at, at + 10, &number)
            ref_column[index] = ref0 + unzigzag(number)
            at = get_uvarint(at, at + 10, &number)
            offset_column[index] = <int64_t>unzigzag(number)
            memcpy(&number, at, VALUE_BYTES)
            bits[index] = big_endian(number)
            at += VALUE_BYTES
    return 0


cdef uint64_t fingerprint(const unsigned long long* refs, Py_ssize_t count) noexcept nogil:
    cdef uint64_t found = 0
    cdef Py_ssize_t index
    for index in range(count):
        found = (found ^ refs[index]) * <uint64_t>0x9E3779B97F4A7C15
    return found
