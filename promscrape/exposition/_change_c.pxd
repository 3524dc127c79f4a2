cimport cython
from cpython cimport array as c_array
from libc.stdint cimport uint32_t

from promscrape.exposition._new_series_c cimport Kind, NewSeriesTexts
from promscrape.exposition._target_memory_c cimport Layout, TargetMemory
from promscrape.exposition._walk_c cimport Walk


@cython.final
cdef class Change:
    cdef TargetMemory last
    cdef Walk walk
    cdef Layout layout
    cdef Py_ssize_t room
    cdef dict metadata_at
    cdef list last_metadata_places
    cdef NewSeriesTexts new
    cdef object type_in_force
    cdef Kind kind_in_force
    cdef uint32_t* place_of
    cdef uint32_t place_room
    cdef object shared_metadata
    # Read to the end of the body; raises ParseError with all before it in the layout.
    cdef int run(self) except -1
    # Return the column of ids: that of the last body if it is the same.
    cdef c_array.array series(self)

    cdef int _keep(self, Py_ssize_t index, const char* at) except -1
    cdef int _keep_metadata(self, Py_ssize_t index, Py_ssize_t end) except -1
    cdef int _note_type(self, object entry) except -1
    cdef int _put_in_force(self, object type_) except -1
    cdef bint _keep_places(self, Py_ssize_t index, Py_ssize_t end, const char* at) noexcept nogil
    cdef bint _append(self, Py_ssize_t start, Py_ssize_t size, uint32_t series_id) noexcept nogil
    cdef bint _read_sample(self) except -1
    cdef object _metadata_at_hand(self)
    cdef object _read_line(self)
    cdef bint _read_plain(self, const char* start, bint is_clean) except -1
    cdef int _add(
        self, object entry, const char* start, Py_ssize_t value_at, bint is_clean
    ) except -1
    cdef int _go_on_behind(self, uint32_t series_id) except -1
    cdef void _put_places(self) noexcept nogil
    cdef bint _put_ids(self, uint32_t* ids) noexcept nogil
