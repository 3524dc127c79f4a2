cimport cython
from libc.stdint cimport int64_t, uint32_t

from promscrape.exposition._target_memory_c cimport TargetMemory

cdef enum:
    # So few samples are over before another thread could have its turn.
    LOCKED_COUNT = 64


cdef enum Stop:
    AT_END
    AT_LIMIT
    AT_DIFFERENCE
    AT_UNUSUAL_VALUE
    OUT_OF_MEMORY


@cython.final
cdef class Walk:
    cdef TargetMemory memory
    cdef bytes buf
    cdef object format
    cdef const char* begin
    cdef const char* at
    cdef const char* end
    cdef bint skips, with_time
    cdef Py_ssize_t index, count, room
    cdef double* values
    cdef int64_t* times
    cdef const char* last_arena
    cdef const uint32_t* last_ends
    cdef Py_ssize_t last_count
    cdef dict exemplars
    cdef object bad
    # Take samples while the body stands as it stood. Raises ParseError where a prefix is as before
    # and what follows it is no value.
    cdef int known(self) except -1
    # Append one sample to the columns; returns whether there was memory for it.
    cdef bint take(self, double value, int64_t t_ms) noexcept nogil
    # Append what a line parser returned.
    cdef int take_object(self, double value, object t_ms, tuple exemplars) except -1
    # Whether the body was walked through, and ends as the last one did.
    cdef bint is_at_known_end(self) noexcept
    cdef object columns(
        self, object series, tuple metadata, dict metadata_at, object new, object error
    )
    # Whether the body is worth giving up the GIL for.
    cdef bint is_large(self) noexcept nogil
    cdef Stop _walk(self, Py_ssize_t limit) noexcept nogil
    cdef int _take_unusual(self) except -1
    cdef bint _grow(self) noexcept nogil
