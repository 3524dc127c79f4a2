# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   What is read stays in its buffer since that ends with LF, which no name, number or prefix holds.
"""The part of a body that differs from the last one, and the layout that it makes.

Plain lines, and HELP and TYPE lines of the common form, are read here. All others go to the line
parser of the plain twin, which also says what is wrong with them.
"""

from array import array

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcmp, memset

from promscrape.exposition._new_series_c cimport (
    PLAIN,
    UNUSUAL,
    WITH_BUCKET,
    WITH_QUANTILE,
    NewSeriesTexts,
)
from promscrape.exposition._plain_line_c cimport (
    STARTS_NAME,
    PlainLine,
    byte_class,
    read_value,
    split_plain,
)
from promscrape.exposition._target_memory_c cimport NOWHERE, UNLOCKED_COUNT, Place, TargetMemory
from promscrape.exposition._walk_c cimport Walk

from promscrape.errors import ParseError
from promscrape.exposition import _openmetrics_py, _text_py
from promscrape.exposition._scanner_py import _TYPE_LINE
from promscrape.exposition.entries import HistogramEntry, SeriesEntry, TypeEntry
from promscrape.exposition.lexical import _NUMERIC_LABELS
from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT
from promscrape.model.labels import BUCKET_LABEL
from promscrape.model.metadata import MetricType

cdef enum:
    SHARED_BYTES = 512
    # After so many lines that the walk did not know, whoever waits for the GIL gets it. More often
    # would be never: a thread asks for the GIL once nobody has given it up for a switch interval,
    # and who gives it up unasked has it back before another thread wakes.
    LINES_A_TURN = 4096

cdef object _IDS = array("I")


cdef class Change:
    """The part of a body behind its first difference to the last, and the layout it makes."""

    def __cinit__(self, Walk walk):
        cdef TargetMemory last = walk.memory
        self.last, self.walk = last, walk
        self.metadata_at, self.new = {}, NewSeriesTexts(last)
        self.last_metadata_places = list(last.metadata_at)
        self._put_in_force(MetricType.UNKNOWN)
        self.layout.body = walk.begin
        self.layout.has_tail = True
        self.shared_metadata = None
        if walk.format is PROMETHEUS_TEXT:
            self.shared_metadata = _text_py._shared_metadata
        elif walk.format is OPENMETRICS_TEXT:
            self.shared_metadata = _openmetrics_py._shared_metadata
        self._keep(0, walk.begin)

    def __dealloc__(self):
        if self.room >= UNLOCKED_COUNT:
            # To give back so much takes the system a while.
            with nogil:
                free(self.layout.places)
                free(self.place_of)
        else:
            free(self.layout.places)
            free(self.place_of)

    cdef int run(self) except -1:
        cdef Py_ssize_t index, lines = 0
        cdef const char* start
        while self._read_sample():
            lines += 1
            if lines % LINES_A_TURN == 0 and self.walk.is_large():
                with nogil:
                    pass
            index, start = self.walk.index, self.walk.at
            try:
                self.walk.known()
            except ParseError:
                if not self.walk.skips:
                    raise
            finally:
                self._keep(index, start)
        if self.walk.skips and self.walk.bad.first and not self.walk.count:
            raise self.walk.bad.first
        return 0

    cdef c_array.array series(self):
        cdef c_array.array column = c_array.clone(_IDS, self.layout.count, zero=False)
        cdef uint32_t* ids = column.data.as_uints
        cdef bint is_as_before
        if self.layout.count >= UNLOCKED_COUNT:
            with nogil:
                is_as_before = self._put_ids(ids)
        else:
            is_as_before = self._put_ids(ids)
        return self.last.series if is_as_before else column

    # Write down the id of each sample, and return whether all are as in the last body.
    cdef bint _put_ids(self, uint32_t* ids) noexcept nogil:
        cdef Py_ssize_t index
        for index in range(self.layout.count):
            ids[index] = self.layout.places[index].id
        return self.layout.count == self.last.count and memcmp(
            ids, self.last.series.data.as_uints, self.layout.count * sizeof(uint32_t)
        ) == 0

    # Take over from the last layout what the walk went through since `index`, where it stood at
    # `at` of the body.
    cdef int _keep(self, Py_ssize_t index, const char* at) except -1:
        cdef Py_ssize_t end = index + self.walk.count - self.layout.count
        cdef bint is_done
        if end == index:
            return 0
        self._keep_metadata(index, end)
        if end - index >= UNLOCKED_COUNT:
            with nogil:
                is_done = self._keep_places(index, end, at)
        else:
            is_done = self._keep_places(index, end, at)
        if not is_done:
            raise MemoryError
        return 0

    # Returns whether there was memory for it.
    cdef bint _keep_places(self, Py_ssize_t index, Py_ssize_t end, const char* at) noexcept nogil:
        cdef const uint32_t* ends = self.last.ends
        cdef const uint32_t* ids = self.last.series.data.as_uints
        cdef Py_ssize_t place
        cdef uint32_t size
        for place in range(index, end):
            size = ends[place] - (ends[place - 1] if place else 0)
            if not self._append(at - self.walk.begin, size, ids[place]):
                return False
            # Over the prefix and the value: the next prefix begins on the next line.
            at = <const char*>memchr(at + size, c"\n", self.walk.end - at - size) + 1
        return True

    cdef int _keep_metadata(self, Py_ssize_t index, Py_ssize_t end) except -1:
        cdef list places = self.last_metadata_places
        cdef Py_ssize_t low = 0, high = len(places), middle
        while low < high:
            middle = (low + high) // 2
            if <Py_ssize_t>places[middle] < index:
                low = middle + 1
            else:
                high = middle
        while low < len(places) and <Py_ssize_t>places[low] < end:
            entries = self.last.metadata_at[places[low]]
            self.metadata_at[self.layout.count + <Py_ssize_t>places[low] - index] = entries
            for entry in entries:
                self._note_type(entry)
            low += 1
        return 0

    cdef int _note_type(self, object entry) except -1:
        if isinstance(entry, TypeEntry):
            self._put_in_force(entry.type)
        return 0

    cdef int _put_in_force(self, object type_) except -1:
        self.type_in_force = type_
        numeric = _NUMERIC_LABELS.get(type_)
        self.kind_in_force = (
            PLAIN if numeric is None else WITH_BUCKET if numeric == BUCKET_LABEL else WITH_QUANTILE
        )
        return 0

    # Returns whether there was memory for it.
    cdef bint _append(
        self, Py_ssize_t start, Py_ssize_t size, uint32_t series_id
    ) noexcept nogil:
        cdef Place* grown
        if self.layout.count == self.room:
            self.room = 2 * self.room + self.last.count + 16
            grown = <Place*>realloc(self.layout.places, self.room * sizeof(Place))
            if grown == NULL:
                return False
            self.layout.places = grown
        self.layout.places[self.layout.count].start = <uint32_t>start
        self.layout.places[self.layout.count].size = <uint32_t>size
        self.layout.places[self.layout.count].id = series_id
        self.layout.count += 1
        return True

    # Read on to the next sample and behind it; false where the body ends before one.
    cdef bint _read_sample(self) except -1:
        cdef Walk walk = self.walk
        cdef const char* start = walk.at
        cdef tuple metadata = ()
        skipped = walk.bad.count if walk.skips else 0
        while walk.at < walk.end:
            if self._read_plain(start, not walk.skips or walk.bad.count == skipped):
                return True
            entry = self._metadata_at_hand()
            if entry is None:
                line = self._read_line()
                walk.at = walk.begin + <Py_ssize_t>line.end
                entry = line.entry
                if isinstance(entry, SeriesEntry):
                    is_clean = not walk.skips or walk.bad.count == skipped
                    self._add(entry, start, line.value_at, is_clean)
                    return True
            if entry is not None and not isinstance(entry, HistogramEntry):
                metadata += (entry,)
                # Noted at once: it counts even if the next line is bad (C19).
                self.metadata_at[self.layout.count] = metadata
                self._note_type(entry)
        self.layout.tail_at, self.layout.tail_size = start - walk.begin, walk.end - start
        if walk.skips and walk.bad.count != skipped:
            self.layout.tail_size, self.layout.has_tail = 0, False
        walk.format.check_end(walk.buf)
        return False

    # Read a HELP or TYPE line in its common form and return its entry; None where there is none.
    cdef object _metadata_at_hand(self):
        cdef const char* at = self.walk.at
        cdef const char* end
        if self.shared_metadata is None or self.walk.end - at < 9 or at[0] != c"#":
            return None
        if memcmp(at, b"# HELP ", 7) != 0 and memcmp(at, b"# TYPE ", 7) != 0:
            return None
        end = <const char*>memchr(at, c"\n", self.walk.end - at) + 1
        if end - at > SHARED_BYTES or not byte_class[<uint8_t>at[7]] & STARTS_NAME:
            return None
        try:
            entry = self.shared_metadata(PyBytes_FromStringAndSize(at, end - at))
        except ParseError:
            # The line parser says where it stands.
            return None
        self.walk.at = end
        return entry

    # Read the line at hand; one that is bad and to be skipped has no entry.
    cdef object _read_line(self):
        cdef Walk walk = self.walk
        cdef Py_ssize_t at = walk.at - walk.begin
        try:
            return walk.format.read_line(walk.buf, at, self.type_in_force)
        except ParseError as error:
            if not walk.skips:
                raise
            if _TYPE_LINE.match(walk.buf, at):
                self._put_in_force(MetricType.UNKNOWN)
            return _SkippedLine(walk.bad.note(error, at))

    # Read the sample at hand and return whether it is of a plain line. `start` is where its prefix
    # begins, which is kept if it is clean.
    cdef bint _read_plain(self, const char* start, bint is_clean) except -1:
        cdef Walk walk = self.walk
        cdef PlainLine line
        cdef double value
        cdef int64_t t_ms
        cdef uint32_t series_id
        cdef bint is_new
        cdef const char* at = walk.at
        cdef const char* end
        cdef size_t size
        cdef Py_ssize_t prefix
        if self.shared_metadata is None or not split_plain(at, &line):
            return False
        end = read_value(line.value, walk.with_time, &value, &t_ms)
        if end == NULL:
            return False
        size = line.labels_end - at
        series_id = self.last.identified(at, size, &is_new)
        if is_new:
            self.new.note(series_id, self.kind_in_force, None)
        walk.at = end
        prefix = line.value - start if is_clean else 0
        if not self._append(start - walk.begin, prefix, series_id) or not walk.take(value, t_ms):
            raise MemoryError
        self._go_on_behind(series_id)
        return True

    # Add a sample that the line parser read.
    cdef int _add(self, object entry, const char* start, Py_ssize_t value_at, bint is_clean) except -1:
        cdef bytes key = entry.key
        cdef const char* text = PyBytes_AS_STRING(key)
        cdef size_t size = PyBytes_GET_SIZE(key)
        cdef bint is_new
        cdef uint32_t series_id = self.last.identified(text, size, &is_new)
        cdef Py_ssize_t prefix = self.walk.begin + value_at - start
        if is_new:
            self.new.note(series_id, UNUSUAL, entry.labels)
        if not is_clean or start[prefix - 1] not in (c" ", c"\t", c"}"):
            prefix = 0
        if not self._append(start - self.walk.begin, prefix, series_id):
            raise MemoryError
        self.walk.take_object(entry.value, entry.t_ms, entry.exemplars)
        self._go_on_behind(series_id)
        return 0

    # Let the walk go on behind the place where a series stood in the last body, if it did.
    cdef int _go_on_behind(self, uint32_t series_id) except -1:
        if self.place_of == NULL:
            self.place_room = self.last.key_count
            self.place_of = <uint32_t*>malloc(self.place_room * sizeof(uint32_t) + 1)
            if self.place_of == NULL:
                raise MemoryError
            if self.place_room >= UNLOCKED_COUNT:
                with nogil:
                    self._put_places()
            else:
                self._put_places()
        # What got its id since then has no place.
        if series_id < self.place_room and self.place_of[series_id] != NOWHERE:
            self.walk.index = self.place_of[series_id] + 1
        return 0

    # Note, by id, where each series stood in the last body.
    cdef void _put_places(self) noexcept nogil:
        cdef Py_ssize_t index
        memset(self.place_of, 0xFF, self.place_room * sizeof(uint32_t))
        for index in range(self.last.count):
            self.place_of[self.last.series.data.as_uints[index]] = <uint32_t>index


cdef class _SkippedLine:
    """As `lexical.Line`, of a bad line that is left out."""

    cdef readonly object entry
    cdef readonly Py_ssize_t end

    def __init__(self, end):
        self.entry, self.end = None, end
