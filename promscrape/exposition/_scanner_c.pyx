# cython: language_level=3
"""The compiled twin of `_scanner_py`, which says what a scan is.

    _target_memory_c   what is remembered between two scans: series texts, the layout of a body
    _walk_c            the loop through what stands as it stood
    _change_c          the part behind the first difference
    _plain_line_c      a sample line in its most common form
    _new_series_c      what was seen for the first time
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from promscrape.exposition._change_c cimport Change
from promscrape.exposition._target_memory_c cimport NOWHERE, UNLOCKED_BYTES, TargetMemory
from promscrape.exposition._walk_c cimport Walk

from promscrape.errors import ParseError
from promscrape.exposition.text_format import PROMETHEUS_TEXT


cdef class TextScanner:
    """See the plain twin."""

    cdef TargetMemory memory
    cdef object format

    def __cinit__(self):
        self.memory = TargetMemory()
        self.format = PROMETHEUS_TEXT

    def __len__(self):
        """Return how many series texts are remembered."""
        return self.memory.known

    @property
    def size_bytes(self):
        """The memory that is taken by what is remembered, the id column and metadata left out."""
        return self.memory.size_bytes()

    def scan(self, bytes body not None, text_format=PROMETHEUS_TEXT, *, bint skip_bad_lines=False):
        """Read a whole body. Never raises for what a target sends: see `Columns.error`."""
        cdef bytes buf = body if body.endswith(b"\n") else with_lf(body)
        cdef TargetMemory last = self.memory
        cdef Walk walk
        if PyBytes_GET_SIZE(buf) >= <Py_ssize_t>NOWHERE:
            raise OverflowError("a body of 4 GiB")
        if text_format is not self.format:
            self.format = text_format
            last.move_to_attic()
        walk = Walk(last, buf, text_format, skip_bad_lines)
        try:
            walk.known()
        except ParseError as error:
            if skip_bad_lines:
                return self._scan_changed(walk)
            error.locate(buf)
            series = last.series[: walk.count]
            return walk.columns(series, last.metadata, last.metadata_at, (), error)
        if walk.is_at_known_end():
            return walk.columns(last.series, last.metadata, last.metadata_at, (), None)
        return self._scan_changed(walk)

    cdef object _scan_changed(self, Walk walk):
        cdef TargetMemory last = self.memory
        cdef Change change = Change(walk)
        error = None
        try:
            change.run()
        except ParseError as exc:
            error = exc.locate(walk.buf)
        gathered = tuple([entry for entries in change.metadata_at.values() for entry in entries])
        metadata = last.metadata if gathered == last.metadata else gathered
        series = change.series()
        if error is None:
            last.settle(&change.layout, series, metadata, change.metadata_at)
        return walk.columns(series, metadata, change.metadata_at, change.new, error)

    def text_of(self, uint32_t series_id):
        """Return the series text that has this id."""
        return self.memory.text_of(series_id)

    def identify(self, bytes text not None):
        """Return the id of a series text, and whether it is new."""
        cdef bint is_new
        series_id = self.memory.identified(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), &is_new)
        return series_id, is_new

    def retain(self, ids):
        """Forget every series text but these; return the ids of the forgotten."""
        return self.memory.retain(ids)


cdef bytes with_lf(bytes body):
    cdef size_t size = PyBytes_GET_SIZE(body)
    cdef bytes buf = PyBytes_FromStringAndSize(NULL, size + 1)
    cdef const char* source = PyBytes_AS_STRING(body)
    cdef char* copied = PyBytes_AS_STRING(buf)
    if size >= UNLOCKED_BYTES:
        with nogil:
            memcpy(copied, source, size)
    else:
        memcpy(copied, source, size)
    copied[size] = c"\n"
    return buf
