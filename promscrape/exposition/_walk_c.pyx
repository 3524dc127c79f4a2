# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   The walk stays in its buffer since that ends with LF, which no name, number or prefix holds.
"""The walk through a body beside the layout of the last one: the loop that touches each sample."""

from array import array

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy

from promscrape.exposition._plain_line_c cimport NO_TIMESTAMP, read_value
from promscrape.exposition._target_memory_c cimport UNLOCKED_BYTES, TargetMemory

from promscrape.exposition.bad_lines import BadLines
from promscrape.exposition.columns import Columns
from promscrape.exposition.text_format import PROMETHEUS_TEXT

cdef object _FLOATS = array("d")
cdef object _TIMES = array("q")


cdef class Walk:
    """A position in the body and in the last layout, and the numbers read so far."""

    def __cinit__(self, TargetMemory memory, bytes buf, object text_format, bint skips):
        self.memory, self.buf, self.format, self.skips = memory, buf, text_format, skips
        self.begin = self.at = PyBytes_AS_STRING(buf)
        self.end = self.begin + PyBytes_GET_SIZE(buf)
        self.with_time = text_format is PROMETHEUS_TEXT
        self.exemplars = {}
        self.bad = BadLines(buf) if skips else None
        self.room = memory.count + 16
        self.values = <double*>malloc(self.room * sizeof(double))
        if self.values == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.values)
        free(self.times)

    cdef int known(self) except -1:
        cdef Stop stop
        # New series texts can have moved the arena.
        self.last_arena, self.last_ends = self.memory.arena, self.memory.ends
        self.last_count = self.memory.count
        while True:
            # Where a body of new series is read, the walk is tried at each line, and ends at once.
            stop = self._walk(self.index + LOCKED_COUNT if self.is_large() else self.last_count)
            if stop == AT_LIMIT:
                with nogil:
                    stop = self._walk(self.last_count)
            if stop != AT_UNUSUAL_VALUE:
                if stop == OUT_OF_MEMORY:
                    raise MemoryError
                return 0
            self._take_unusual()

    cdef bint is_large(self) noexcept nogil:
        return self.end - self.begin >= UNLOCKED_BYTES

    # Walk up to the end of the last layout, or to a limit before it.
    cdef Stop _walk(self, Py_ssize_t limit) noexcept nogil:
        cdef Py_ssize_t last = min(limit, self.last_count)
        cdef const char* value_at
        cdef const char* next_at
        cdef uint32_t start = self.last_ends[self.index - 1] if self.index else 0, size
        cdef double value
        cdef int64_t t_ms
        while self.index < last:
            size = self.last_ends[self.index] - start
            if size == 0 or self.end - self.at < size:
                return AT_DIFFERENCE
            if memcmp(self.at, self.last_arena + start, size) != 0:
                return AT_DIFFERENCE
            value_at = self.at + size
            next_at = read_value(value_at, self.with_time, &value, &t_ms)
            if next_at == NULL:
                # More blanks or labels: the line is no longer what it was.
                if value_at[0] == c"{" or value_at[0] == c" " or value_at[0] == c"\t":
                    return AT_DIFFERENCE
                return AT_UNUSUAL_VALUE
            if not self.take(value, t_ms):
                return OUT_OF_MEMORY
            self.at = next_at
            start += size
            self.index += 1
        return AT_LIMIT if last < self.last_count else AT_END

    # Take the value at hand by the line parser.
    cdef int _take_unusual(self) except -1:
        cdef Py_ssize_t at = self.at - self.begin, line_at
        cdef uint32_t start = self.memory.ends[self.index - 1] if self.index else 0
        cdef Py_ssize_t value_at = at + self.memory.ends[self.index] - start
        line_at = self.buf.rfind(b"\n", at, value_at) + 1
        value = self.format.read_value(self.buf, line_at or at, value_at)
        self.take_object(value.value, value.t_ms, value.exemplars)
        self.at = self.begin + <Py_ssize_t>value.end
        self.index += 1
        return 0

    cdef int take_object(self, double value, object t_ms, tuple exemplars) except -1:
        if exemplars:
            self.exemplars[self.count] = exemplars
        if not self.take(value, NO_TIMESTAMP if t_ms is None else <int64_t>t_ms):
            raise MemoryError
        return 0

    cdef bint take(self, double value, int64_t t_ms) noexcept nogil:
        cdef Py_ssize_t index
        if self.count == self.room and not self._grow():
            return False
        if t_ms != NO_TIMESTAMP and self.times == NULL:
            self.times = <int64_t*>malloc(self.room * sizeof(int64_t))
            if self.times == NULL:
                return False
            for index in range(self.count):
                self.times[index] = NO_TIMESTAMP
        if self.times != NULL:
            self.times[self.count] = t_ms
        self.values[self.count] = value
        self.count += 1
        return True

    cdef bint _grow(self) noexcept nogil:
        cdef Py_ssize_t room = 2 * self.room
        cdef void* grown = realloc(self.values, room * sizeof(double))
        if grown == NULL:
            return False
        self.values = <double*>grown
        if self.times != NULL:
            grown = realloc(self.times, room * sizeof(int64_t))
            if grown == NULL:
                return False
            self.times = <int64_t*>grown
        self.room = room
        return True

    cdef bint is_at_known_end(self) noexcept:
        cdef TargetMemory last = self.memory
        return (
            self.index == last.count
            and last.has_tail
            and <size_t>(self.end - self.at) == last.tail_size
            and (
                last.tail_size == 0
                or memcmp(self.at, last.arena + last.tail_at, last.tail_size) == 0
            )
        )

    cdef object columns(
        self, object series, tuple metadata, dict metadata_at, object new, object error
    ):
        cdef c_array.array values = c_array.clone(_FLOATS, self.count, zero=False)
        cdef c_array.array times = None
        if self.count:
            copy(values, self.values, self.count * sizeof(double))
        if self.times != NULL:
            times = c_array.clone(_TIMES, self.count, zero=False)
            copy(times, self.times, self.count * sizeof(int64_t))
        return Columns(
            series,
            values,
            metadata,
            new,
            times,
            self.exemplars,
            metadata_at=metadata_at,
            error=error,
            bad_lines=tuple(self.bad.last) if self.skips else (),
            bad_count=self.bad.count if self.skips else 0,
        )


cdef int copy(c_array.array column, const void* numbers, size_t size) except -1:
    cdef char* into = column.data.as_chars
    if size >= UNLOCKED_BYTES:
        with nogil:
            memcpy(into, numbers, size)
    else:
        memcpy(into, numbers, size)
    return 0
