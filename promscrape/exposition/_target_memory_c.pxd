cimport cython
from cpython cimport array as c_array
from libc.stdint cimport uint8_t, uint32_t

cdef extern from *:
    """
    #include <stdint.h>
    #define NOWHERE UINT32_MAX
    """
    const uint32_t NOWHERE

cdef enum:
    # Work on so many bytes lets other threads run; below it giving up the GIL costs more than it
    # frees.
    UNLOCKED_BYTES = 64 * 1024
    # The same of work on samples or series.
    UNLOCKED_COUNT = 2_000


# The text of a series in the arena; of no bytes where the id is free.
cdef struct Key:
    uint32_t at
    uint32_t size
    uint32_t hash


# A sample of a body: its prefix, which is not to be kept where it has no bytes.
cdef struct Place:
    uint32_t start
    uint32_t size
    uint32_t id


# The layout of a body: its samples, and what stands behind the last of them.
cdef struct Layout:
    const char* body
    Place* places
    Py_ssize_t count
    size_t tail_at
    size_t tail_size
    bint has_tail


@cython.final
cdef class TargetMemory:
    cdef char* arena
    cdef size_t arena_size, arena_room, tail_at, tail_size
    cdef bint has_tail
    cdef uint32_t* ends
    cdef Py_ssize_t count
    cdef c_array.array series
    cdef dict metadata_at
    cdef tuple metadata
    cdef Key* keys
    cdef uint32_t key_count, key_room
    cdef uint32_t* slots
    cdef uint32_t slot_count, known
    cdef uint32_t* free_ids
    cdef Py_ssize_t free_count, free_room
    # Return the id of a series text, and in *is_new whether it was given just now.
    cdef uint32_t identified(self, const char* text, size_t size, bint* is_new) except? 0xFFFFFFFF
    cdef bytes text_of(self, uint32_t series_id)
    # Forget every series text but these; return the ids of the forgotten.
    cdef c_array.array retain(self, object ids)
    # Remember the body that was read instead of the last one.
    #
    # series: the column of its ids. metadata, metadata_at: see `Columns`.
    cdef int settle(
        self, const Layout* layout, c_array.array series, tuple metadata, dict metadata_at
    ) except -1
    # Forget the last body, and keep the series texts.
    cdef int move_to_attic(self) except -1
    cdef size_t size_bytes(self) noexcept

    cdef uint32_t _find(self, const char* text, size_t size, uint32_t hash) noexcept nogil
    cdef uint32_t _add(self, const char* text, size_t size, uint32_t hash) except? 0xFFFFFFFF
    cdef int _make_room_in_arena(self, size_t size) except -1
    cdef int _make_room_for_key(self) except -1
    cdef int _grow_slots(self) except -1
    cdef void _put_all(self) noexcept nogil
    cdef void _put(self, uint32_t series_id) noexcept nogil
    cdef void _remove(self, uint32_t series_id) noexcept nogil
    cdef uint32_t _mark_kept(self, const uint32_t* wanted, Py_ssize_t count, uint8_t* is_kept) noexcept nogil
    cdef int _make_room_for_free(self, Py_ssize_t count) except -1
    cdef void _forget(self, const uint8_t* is_kept, uint32_t* forgotten) noexcept nogil
    cdef bint _is_layout_kept(self, const uint8_t* is_kept) noexcept nogil
    cdef int _forget_layout(self) except -1
    cdef int _rebuild(self, const Layout* layout) except -1
    cdef bint _rebuilt(self, const Layout* layout) noexcept nogil
    cdef bint _make_room_for_rebuilt(self, size_t size) noexcept nogil
    cdef void _move_unplaced(self, const uint8_t* is_placed, char* attic, size_t at) noexcept nogil
    cdef void _place(self, const Layout* layout) noexcept nogil
    cdef size_t _size_of(
        self, const Layout* layout, uint8_t* is_placed, size_t* attic_size
    ) noexcept nogil
