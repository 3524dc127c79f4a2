cimport cython
from libc.stdint cimport uint32_t

from promscrape.exposition._target_memory_c cimport TargetMemory

# What a new series text is: plain, without a label that is a number or with one; or none of these.
cdef enum Kind:
    PLAIN
    WITH_BUCKET
    WITH_QUANTILE
    UNUSUAL


@cython.final
cdef class NewSeriesTexts:
    cdef TargetMemory memory
    cdef readonly object ids
    cdef bytearray kinds
    cdef dict unusual
    # Note a series whose text is plain, or whose labels are given.
    cdef int note(self, uint32_t series_id, Kind kind, tuple labels) except -1
    cdef tuple _pairs(self, uint32_t series_id, object numeric)
