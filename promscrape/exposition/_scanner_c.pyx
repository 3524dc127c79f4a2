# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   The walk stays in its buffer since that ends with LF, which no name, number or prefix holds.
"""The compiled twin of `_scanner_py`, which says what a scan is.

What is remembered of a target lies in one stretch of memory, the arena: the text of the last body
without its numbers, and behind it, in the attic, the series texts that are known and not in that
body. Everything else is numbers:

    arena    prefix 0 | prefix 1 | ... | tail | attic
    ends     where each prefix ends in the arena; one of no bytes is read anew each time
    keys     by id, the place of the series text in the arena (inside a prefix, or in the attic)
    slots    a hash table with open addressing, of ids

A plain line is read here: a bare name, labels without escapes or bytes beyond ASCII, one blank, a
number, perhaps a timestamp. All others go to the line parser of the plain twin, which also says
what is wrong with them.
"""

import os
from array import array
from collections.abc import Sequence

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

from promscrape.exposition._decimal_c cimport read_decimal
from promscrape.exposition._series_text_c cimport AddedLabels

from promscrape.errors import ParseError
from promscrape.exposition import _openmetrics_py, _text_py
from promscrape.exposition._scanner_py import _TYPE_LINE
from promscrape.exposition.bad_lines import BadLines
from promscrape.exposition.columns import Columns, NewSeries, NewTexts
from promscrape.exposition.entries import HistogramEntry, SeriesEntry, TypeEntry
from promscrape.exposition.lexical import _NUMERIC_LABELS
from promscrape.exposition.number import canonical_float_text
from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT
from promscrape.model.labels import BUCKET_LABEL, METRIC_NAME, QUANTILE_LABEL
from promscrape.model.metadata import MetricType
from promscrape.model.sample import NORMAL_NAN_BITS
from promscrape.model.sample import NO_TIMESTAMP as PYTHON_NO_TIMESTAMP

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* The name and label characters of both text formats, by byte. */
    enum { STARTS_NAME = 1, IN_NAME = 2, STARTS_LABEL = 4, IN_LABEL = 8, IS_DIGIT = 16 };
    static uint8_t byte_class[256];

    static void classify_bytes(void) {
        for (int c = 0; c < 256; c++) {
            int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
            int digit = c >= '0' && c <= '9';
            byte_class[c] = (letter || c == ':' ? STARTS_NAME : 0)
                | (letter || c == ':' || digit ? IN_NAME : 0)
                | (letter ? STARTS_LABEL : 0) | (letter || digit ? IN_LABEL : 0)
                | (digit ? IS_DIGIT : 0);
        }
    }

    static inline uint64_t mixed(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }

    /* A hash that a target cannot foresee: the seed is the process's own. */
    static inline uint32_t hash_of(const char *text, size_t size, uint64_t seed) {
        uint64_t hash = seed ^ size, word;
        for (; size >= 8; text += 8, size -= 8) {
            memcpy(&word, text, 8);
            hash = mixed(hash ^ word, 0x9E3779B97F4A7C15ull ^ seed);
        }
        word = 0;
        memcpy(&word, text, size);
        hash = mixed(hash ^ word, 0xD6E8FEB86659FD93ull ^ seed);
        return (uint32_t)(hash ^ hash >> 32);
    }
    """
    enum:
        STARTS_NAME, IN_NAME, STARTS_LABEL, IN_LABEL, IS_DIGIT
    uint8_t byte_class[256]
    void classify_bytes()
    uint32_t hash_of(const char* text, size_t size, uint64_t seed) nogil

cdef enum:
    FIRST_SLOTS = 16
    # A walk this long lets other threads run; below it giving up the GIL costs more than it frees.
    UNLOCKED_BYTES = 64 * 1024
    # The digits of a timestamp that surely fits.
    MOST_TIME_DIGITS = 18
    SHARED_BYTES = 512

cdef enum Stop:
    AT_END
    AT_DIFFERENCE
    AT_UNUSUAL_VALUE
    OUT_OF_MEMORY

# What a new series text is: plain, without a label that is a number or with one; or none of these.
cdef enum Kind:
    PLAIN
    WITH_BUCKET
    WITH_QUANTILE
    UNUSUAL

cdef int64_t NO_TIMESTAMP = PYTHON_NO_TIMESTAMP
cdef uint64_t NAN_BITS = NORMAL_NAN_BITS
cdef uint64_t POSITIVE_INFINITY = 0x7FF0_0000_0000_0000
cdef uint64_t NEGATIVE_INFINITY = 0xFFF0_0000_0000_0000
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")
cdef uint32_t NOWHERE = 0xFFFFFFFF
cdef object _IDS = array("I")
# By `Kind`: the label whose value is a number in the family at hand.
cdef tuple _NUMERIC = (None, BUCKET_LABEL, QUANTILE_LABEL)
cdef tuple _NUMERIC_BYTES = (None, BUCKET_LABEL.encode(), QUANTILE_LABEL.encode())
cdef object _FLOATS = array("d")
cdef object _TIMES = array("q")

classify_bytes()


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


# A plain sample line: its parts, as places in the body.
cdef struct PlainLine:
    const char* name_end
    const char* labels_end  # behind the closing brace; the end of the name where there is none
    const char* value
    const char* end


# Read the value at `at` and a timestamp behind it, up to the end of the line, and return the place
# behind that. NULL where the line parser has to: for all that is not of the most common forms.
cdef inline const char* read_value(
    const char* at, bint with_time, double* value, int64_t* t_ms
) noexcept nogil:
    cdef const char* digits
    cdef int64_t time = 0
    cdef const char* end
    t_ms[0] = NO_TIMESTAMP
    end = read_decimal(at, value)
    if end == NULL:
        if at[0] == c"N" and at[1] == c"a" and at[2] == c"N" and at[3] == c"\n":
            memcpy(value, &NAN_BITS, 8)
            return at + 4
        if at[1] == c"I" and at[2] == c"n" and at[3] == c"f" and at[4] == c"\n":
            if at[0] == c"+":
                memcpy(value, &POSITIVE_INFINITY, 8)
                return at + 5
            if at[0] == c"-":
                memcpy(value, &NEGATIVE_INFINITY, 8)
                return at + 5
        return NULL
    if end[0] == c"\n":
        return end + 1
    if end[0] != c" " or not with_time:
        return NULL
    digits = end + 1
    end = digits
    while byte_class[<uint8_t>end[0]] & IS_DIGIT:
        if end - digits < MOST_TIME_DIGITS:
            time = 10 * time + (end[0] - c"0")
        end += 1
    if end == digits or end - digits > MOST_TIME_DIGITS or end[0] != c"\n":
        return NULL
    t_ms[0] = time
    return end + 1


# Find the parts of a plain line at `at` and return whether it is one; its value is not looked at.
cdef bint split_plain(const char* at, PlainLine* line) noexcept nogil:
    if not byte_class[<uint8_t>at[0]] & STARTS_NAME:
        return False
    while byte_class[<uint8_t>at[0]] & IN_NAME:
        at += 1
    line.name_end = at
    if at[0] == c"{":
        at += 1
        while at[0] != c"}":
            if not byte_class[<uint8_t>at[0]] & STARTS_LABEL:
                return False
            while byte_class[<uint8_t>at[0]] & IN_LABEL:
                at += 1
            if at[0] != c"=" or at[1] != c'"':
                return False
            at += 2
            while at[0] != c'"':
                if at[0] == c"\\" or at[0] == c"\n" or <uint8_t>at[0] >= 0x80:
                    return False
                at += 1
            at += 1
            if at[0] == c",":
                at += 1
                if not byte_class[<uint8_t>at[0]] & STARTS_LABEL:
                    return False
            elif at[0] != c"}":
                return False
        at += 1
    line.labels_end = at
    if at[0] != c" ":
        return False
    line.value = at + 1
    return True


# Return the label pairs of a plain line at `at`, `numeric` in its one form.
cdef tuple plain_pairs(const char* at, PlainLine* line, object numeric):
    cdef const char* begin
    pairs = [(METRIC_NAME, PyUnicode_DecodeASCII(at, line.name_end - at, NULL))]
    at = line.name_end + 1
    while at < line.labels_end - 1:
        begin = at
        while at[0] != c"=":
            at += 1
        name = _shared_name(begin, at - begin)
        begin = at + 2
        at = <const char*>memchr(begin, c'"', line.labels_end - begin)
        value = PyUnicode_DecodeASCII(begin, at - begin, NULL)
        pairs.append((name, canonical_float_text(value) if name == numeric else value))
        # Over the quote, and a comma or the brace.
        at += 2
    return tuple(pairs)


cdef dict _names = {}


# Return a label name, one object for all that are spelled so: there are few of them.
cdef object _shared_name(const char* at, Py_ssize_t size):
    raw = PyBytes_FromStringAndSize(at, size)
    name = _names.get(raw)
    if name is None:
        name = PyUnicode_DecodeASCII(at, size, NULL)
        if len(_names) < 10_000:
            _names[raw] = name
    return name


cdef class TextScanner
cdef class _Walk
cdef class _Change


cdef class NewSeriesTexts:
    """The new series of a scan; the labels of plain ones are read from the scanner's memory."""

    cdef TextScanner scanner
    cdef readonly object ids
    cdef bytearray kinds
    cdef dict unusual

    def __cinit__(self, TextScanner scanner):
        self.scanner, self.ids, self.kinds, self.unusual = scanner, array("I"), bytearray(), {}

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, at):
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        place = at + len(self) if at < 0 else at
        series_id = self.ids[place]
        if self.kinds[place] == UNUSUAL:
            return NewSeries(series_id, self.unusual[place])
        return NewSeries(series_id, self._pairs(series_id, _NUMERIC[self.kinds[place]]))

    def __iter__(self):
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other):
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    cdef tuple _pairs(self, uint32_t series_id, object numeric):
        cdef PlainLine line
        # A plain text is split where a blank follows it.
        cdef bytes text = self.scanner.text_of(series_id) + b" "
        if not split_plain(PyBytes_AS_STRING(text), &line):
            raise LookupError("the series was forgotten")
        return plain_pairs(PyBytes_AS_STRING(text), &line, numeric)

    def wires(self, Py_ssize_t start, Py_ssize_t end, AddedLabels added not None):
        """See `NewTexts.wires`."""
        cdef Py_ssize_t place
        cdef const uint32_t[::1] ids = self.ids
        cdef const uint8_t[::1] kinds = self.kinds
        cdef Key* key
        cdef list found = []
        for place in range(start, min(end, len(self))):
            key = &self.scanner.keys[ids[place]]
            if kinds[place] == UNUSUAL or key.size == 0:
                found.append(None)
                continue
            found.append(
                added.wire(self.scanner.arena + key.at, key.size, _NUMERIC_BYTES[kinds[place]])
            )
        return found

    # Note a series whose text is plain, or whose labels are given.
    cdef int note(self, uint32_t series_id, Kind kind, tuple labels) except -1:
        cdef c_array.array ids = self.ids
        cdef Py_ssize_t count = len(ids)
        c_array.resize_smart(ids, count + 1)
        ids.data.as_uints[count] = series_id
        if kind == UNUSUAL:
            self.unusual[count] = labels
        self.kinds.append(kind)
        return 0


NewTexts.register(NewSeriesTexts)


cdef class TextScanner:
    """See the plain twin."""

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
    cdef list free_ids
    cdef object format

    def __cinit__(self):
        self.slots = <uint32_t*>calloc(FIRST_SLOTS, sizeof(uint32_t))
        if self.slots == NULL:
            raise MemoryError
        self.slot_count = FIRST_SLOTS
        self.free_ids = []
        self.format = PROMETHEUS_TEXT
        self._forget_layout()

    def __dealloc__(self):
        free(self.arena)
        free(self.ends)
        free(self.keys)
        free(self.slots)

    def __len__(self):
        """Return how many series texts are remembered."""
        return self.known

    @property
    def size_bytes(self):
        """The memory that is taken by what is remembered, the id column and metadata left out."""
        return (
            self.arena_room
            + self.count * sizeof(uint32_t)
            + self.key_room * sizeof(Key)
            + self.slot_count * sizeof(uint32_t)
        )

    def scan(self, bytes body not None, text_format=PROMETHEUS_TEXT, *, bint skip_bad_lines=False):
        """Read a whole body. Never raises for what a target sends: see `Columns.error`."""
        cdef bytes buf = body if body.endswith(b"\n") else body + b"\n"
        cdef _Walk walk
        if PyBytes_GET_SIZE(buf) >= <Py_ssize_t>NOWHERE:
            raise OverflowError("a body of 4 GiB")
        if text_format is not self.format:
            self.format = text_format
            self._move_to_attic()
        walk = _Walk(self, buf, skip_bad_lines)
        try:
            walk.known()
        except ParseError as error:
            if skip_bad_lines:
                return self._scan_changed(walk)
            error.locate(buf)
            series = self.series[: walk.count]
            return walk.columns(series, self.metadata, self.metadata_at, (), error)
        if walk.is_at_known_end():
            return walk.columns(self.series, self.metadata, self.metadata_at, (), None)
        return self._scan_changed(walk)

    cdef object _scan_changed(self, _Walk walk):
        cdef _Change change = _Change(self, walk)
        error = None
        try:
            change.run()
        except ParseError as exc:
            error = exc.locate(walk.buf)
        gathered = tuple([entry for entries in change.metadata_at.values() for entry in entries])
        metadata = self.metadata if gathered == self.metadata else gathered
        series = change.series()
        if error is None:
            self._settle(change)
            self.series, self.metadata, self.metadata_at = series, metadata, change.metadata_at
        return walk.columns(series, metadata, change.metadata_at, change.new, error)

    def text_of(self, uint32_t series_id):
        """Return the series text that has this id."""
        cdef Key* key = &self.keys[series_id]
        return PyBytes_FromStringAndSize(self.arena + key.at, key.size)

    def identify(self, bytes text not None):
        """Return the id of a series text, and whether it is new."""
        cdef const char* begin = PyBytes_AS_STRING(text)
        cdef size_t size = PyBytes_GET_SIZE(text)
        cdef uint32_t hash = hash_of(begin, size, SEED)
        cdef uint32_t known = self.find(begin, size, hash)
        if known != NOWHERE:
            return known, False
        return self.add(begin, size, hash), True

    def retain(self, ids):
        """Forget every series text but these; return the ids of the forgotten."""
        cdef uint8_t* kept = <uint8_t*>calloc(self.key_count + 1, 1)
        cdef const uint32_t[::1] wanted = ids if isinstance(ids, array) else array("I", ids)
        cdef uint32_t series_id, distinct = 0
        cdef Py_ssize_t index
        if kept == NULL:
            raise MemoryError
        try:
            for index in range(wanted.shape[0]):
                distinct += not kept[wanted[index]]
                kept[wanted[index]] = 1
            if distinct == self.known:
                return []
            forgotten = []
            for series_id in range(self.key_count):
                if self.keys[series_id].size and not kept[series_id]:
                    self._remove(series_id)
                    forgotten.append(series_id)
            self.free_ids += forgotten
            for index in range(self.count):
                if not kept[self.series.data.as_uints[index]]:
                    self._move_to_attic()
                    break
            return forgotten
        finally:
            free(kept)

    # Return the id of a series text that was hashed, NOWHERE where it is unknown.
    cdef uint32_t find(self, const char* text, size_t size, uint32_t hash) noexcept nogil:
        cdef uint32_t mask = self.slot_count - 1, at = hash & mask, found
        cdef Key* key
        while self.slots[at]:
            found = self.slots[at] - 1
            key = &self.keys[found]
            if key.hash == hash and key.size == size and (
                memcmp(self.arena + key.at, text, size) == 0
            ):
                return found
            at = (at + 1) & mask
        return NOWHERE

    # Give an unknown text an id.
    cdef uint32_t add(self, const char* text, size_t size, uint32_t hash) except? 0xFFFFFFFF:
        cdef uint32_t series_id
        self._make_room_in_arena(size)
        if self.free_ids:
            series_id = self.free_ids.pop()
        else:
            self._make_room_for_key()
            series_id = self.key_count
            self.key_count += 1
        memcpy(self.arena + self.arena_size, text, size)
        self.keys[series_id].at = <uint32_t>self.arena_size
        self.keys[series_id].size = <uint32_t>size
        self.keys[series_id].hash = hash
        self.arena_size += size
        self.known += 1
        if 3 * <uint64_t>self.known > 2 * <uint64_t>self.slot_count:
            self._grow_slots()
        else:
            self._put(series_id)
        return series_id

    cdef int _make_room_in_arena(self, size_t size) except -1:
        cdef size_t room
        cdef char* grown
        if self.arena_size + size >= NOWHERE:
            raise OverflowError("series texts of 4 GiB")
        if self.arena_size + size > self.arena_room:
            room = self.arena_size + self.arena_size // 2 + size + 256
            grown = <char*>realloc(self.arena, room)
            if grown == NULL:
                raise MemoryError
            self.arena, self.arena_room = grown, room
        return 0

    cdef int _make_room_for_key(self) except -1:
        cdef uint32_t room
        cdef Key* grown
        if self.key_count == self.key_room:
            room = self.key_room + self.key_room // 4 + 16
            grown = <Key*>realloc(self.keys, room * sizeof(Key))
            if grown == NULL:
                raise MemoryError
            self.keys, self.key_room = grown, room
        return 0

    cdef int _grow_slots(self) except -1:
        cdef uint32_t* grown = <uint32_t*>calloc(2 * <size_t>self.slot_count, sizeof(uint32_t))
        cdef uint32_t series_id
        if grown == NULL:
            raise MemoryError
        free(self.slots)
        self.slots, self.slot_count = grown, 2 * self.slot_count
        for series_id in range(self.key_count):
            if self.keys[series_id].size:
                self._put(series_id)
        return 0

    cdef void _put(self, uint32_t series_id) noexcept nogil:
        cdef uint32_t mask = self.slot_count - 1, at = self.keys[series_id].hash & mask
        while self.slots[at]:
            at = (at + 1) & mask
        self.slots[at] = series_id + 1

    cdef void _remove(self, uint32_t series_id) noexcept nogil:
        cdef uint32_t mask = self.slot_count - 1, hole, at, own
        hole = self.keys[series_id].hash & mask
        while self.slots[hole] != series_id + 1:
            hole = (hole + 1) & mask
        # What stands behind the hole moves up to it, unless that is before its own place.
        at = (hole + 1) & mask
        while self.slots[at]:
            own = self.keys[self.slots[at] - 1].hash & mask
            if ((at - own) & mask) >= ((at - hole) & mask):
                self.slots[hole] = self.slots[at]
                hole = at
            at = (at + 1) & mask
        self.slots[hole] = 0
        self.keys[series_id].size = 0
        self.known -= 1

    cdef int _forget_layout(self) except -1:
        free(self.ends)
        self.ends = NULL
        self.count = 0
        self.tail_at = self.tail_size = 0
        self.has_tail = True
        self.series = c_array.clone(_IDS, 0, zero=False)
        self.metadata, self.metadata_at = (), {}
        return 0

    # Forget the last body, and keep the series texts.
    cdef int _move_to_attic(self) except -1:
        self._rebuild(NULL, NULL, 0, NULL, 0)
        self._forget_layout()
        return 0

    # Remember the body that was read instead of the last one.
    cdef int _settle(self, _Change change) except -1:
        cdef const char* body = change.walk.begin
        cdef uint32_t* ends = <uint32_t*>malloc(change.count * sizeof(uint32_t) + 1)
        cdef uint32_t end = 0
        cdef Py_ssize_t index
        if ends == NULL:
            raise MemoryError
        for index in range(change.count):
            end += change.places[index].size
            ends[index] = end
        try:
            self._rebuild(body, change.places, change.count, body + change.tail_at, change.tail_size)
        except MemoryError:
            free(ends)
            raise
        free(self.ends)
        self.ends, self.count = ends, change.count
        self.tail_at, self.tail_size, self.has_tail = end, change.tail_size, change.has_tail
        return 0

    # Make the arena anew: the prefixes, the tail, and the texts that are in none of the prefixes.
    cdef int _rebuild(
        self,
        const char* body,
        const Place* places,
        Py_ssize_t count,
        const char* tail,
        size_t tail_size,
    ) except -1:
        cdef uint8_t* is_placed = <uint8_t*>calloc(self.key_count + 1, 1)
        cdef size_t size = tail_size, at = 0
        cdef char* made
        cdef Py_ssize_t index
        cdef uint32_t series_id
        if is_placed == NULL:
            raise MemoryError
        for index in range(count):
            size += places[index].size
            is_placed[places[index].id] |= places[index].size > 0
        for series_id in range(self.key_count):
            if not is_placed[series_id]:
                size += self.keys[series_id].size
        made = <char*>malloc(size + 1) if size < NOWHERE else NULL
        if made == NULL:
            free(is_placed)
            raise MemoryError
        for index in range(count):
            memcpy(made + at, body + places[index].start, places[index].size)
            at += places[index].size
            if places[index].size:
                self.keys[places[index].id].at = <uint32_t>key_end(made, at) - (
                    self.keys[places[index].id].size
                )
        if tail_size:
            memcpy(made + at, tail, tail_size)
        at += tail_size
        for series_id in range(self.key_count):
            if self.keys[series_id].size and not is_placed[series_id]:
                memcpy(made + at, self.arena + self.keys[series_id].at, self.keys[series_id].size)
                self.keys[series_id].at = <uint32_t>at
                at += self.keys[series_id].size
        free(is_placed)
        free(self.arena)
        self.arena, self.arena_size, self.arena_room = made, size, size
        return 0


# Return the end of the series text in a prefix that ends at `end`: blanks may stand between them.
cdef inline size_t key_end(const char* arena, size_t end) noexcept nogil:
    while arena[end - 1] == c" " or arena[end - 1] == c"\t":
        end -= 1
    return end


cdef class _Walk:
    """A position in the body and in the last layout, and the numbers read so far."""

    cdef TextScanner scanner
    cdef bytes buf
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

    def __cinit__(self, TextScanner scanner, bytes buf, bint skips):
        self.scanner, self.buf, self.skips = scanner, buf, skips
        self.begin = self.at = PyBytes_AS_STRING(buf)
        self.end = self.begin + PyBytes_GET_SIZE(buf)
        self.with_time = scanner.format is PROMETHEUS_TEXT
        self.exemplars = {}
        self.bad = BadLines(buf) if skips else None
        self.room = scanner.count + 16
        self.values = <double*>malloc(self.room * sizeof(double))
        if self.values == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.values)
        free(self.times)

    # Take samples while the body stands as it stood. Raises ParseError where a prefix is as before
    # and what follows it is no value.
    cdef int known(self) except -1:
        cdef Stop stop
        # New series texts can have moved the arena.
        self.last_arena, self.last_ends = self.scanner.arena, self.scanner.ends
        self.last_count = self.scanner.count
        while True:
            if self.end - self.at >= UNLOCKED_BYTES:
                with nogil:
                    stop = self._walk()
            else:
                stop = self._walk()
            if stop != AT_UNUSUAL_VALUE:
                if stop == OUT_OF_MEMORY:
                    raise MemoryError
                return 0
            self._take_unusual()

    cdef Stop _walk(self) noexcept nogil:
        cdef const char* value_at
        cdef const char* next_at
        cdef uint32_t start = self.last_ends[self.index - 1] if self.index else 0, size
        cdef double value
        cdef int64_t t_ms
        while self.index < self.last_count:
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
        return AT_END

    # Take the value at hand by the line parser.
    cdef int _take_unusual(self) except -1:
        cdef Py_ssize_t at = self.at - self.begin, line_at
        cdef uint32_t start = self.scanner.ends[self.index - 1] if self.index else 0
        cdef Py_ssize_t value_at = at + self.scanner.ends[self.index] - start
        line_at = self.buf.rfind(b"\n", at, value_at) + 1
        value = self.scanner.format.read_value(self.buf, line_at or at, value_at)
        self.take_object(value.value, value.t_ms, value.exemplars)
        self.at = self.begin + <Py_ssize_t>value.end
        self.index += 1
        return 0

    # Append what a line parser returned.
    cdef int take_object(self, double value, object t_ms, tuple exemplars) except -1:
        if exemplars:
            self.exemplars[self.count] = exemplars
        if not self.take(value, NO_TIMESTAMP if t_ms is None else <int64_t>t_ms):
            raise MemoryError
        return 0

    # Append one sample to the columns; returns whether there was memory for it.
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

    # Whether the body was walked through, and ends as the last one did.
    cdef bint is_at_known_end(self) noexcept:
        cdef TextScanner last = self.scanner
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
            memcpy(values.data.as_chars, self.values, self.count * sizeof(double))
        if self.times != NULL:
            times = c_array.clone(_TIMES, self.count, zero=False)
            memcpy(times.data.as_chars, self.times, self.count * sizeof(int64_t))
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


cdef class _Change:
    """The part of a body behind its first difference to the last, and the layout it makes."""

    cdef TextScanner scanner
    cdef _Walk walk
    cdef Place* places
    cdef Py_ssize_t count, room
    cdef size_t tail_at, tail_size
    cdef bint has_tail
    cdef dict metadata_at
    cdef list last_metadata_places
    cdef NewSeriesTexts new
    cdef object type_in_force
    cdef Kind kind_in_force
    cdef uint32_t* place_of
    cdef uint32_t place_room
    cdef object shared_metadata

    def __cinit__(self, TextScanner scanner, _Walk walk):
        self.scanner, self.walk = scanner, walk
        self.metadata_at, self.new = {}, NewSeriesTexts(scanner)
        self.last_metadata_places = list(scanner.metadata_at)
        self._put_in_force(MetricType.UNKNOWN)
        self.has_tail = True
        self.shared_metadata = None
        if scanner.format is PROMETHEUS_TEXT:
            self.shared_metadata = _text_py._shared_metadata
        elif scanner.format is OPENMETRICS_TEXT:
            self.shared_metadata = _openmetrics_py._shared_metadata
        self._keep(0, walk.begin)

    def __dealloc__(self):
        free(self.places)
        free(self.place_of)

    # Read to the end of the body; raises ParseError with all before it in the layout.
    cdef int run(self) except -1:
        cdef Py_ssize_t index
        cdef const char* start
        while self._read_sample():
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

    # Return the column of ids: that of the last body if it is the same.
    cdef object series(self):
        cdef c_array.array column = c_array.clone(_IDS, self.count, zero=False)
        cdef TextScanner last = self.scanner
        cdef Py_ssize_t index
        for index in range(self.count):
            column.data.as_uints[index] = self.places[index].id
        if self.count == last.count and memcmp(
            column.data.as_uints, last.series.data.as_uints, self.count * sizeof(uint32_t)
        ) == 0:
            return last.series
        return column

    # Take over from the last layout what the walk went through since `index`, where it stood at
    # `at` of the body.
    cdef int _keep(self, Py_ssize_t index, const char* at) except -1:
        cdef TextScanner last = self.scanner
        cdef Py_ssize_t end = index + self.walk.count - self.count, place
        cdef uint32_t size
        if end == index:
            return 0
        self._keep_metadata(index, end)
        for place in range(index, end):
            size = last.ends[place] - (last.ends[place - 1] if place else 0)
            self._append(at - self.walk.begin, size, last.series.data.as_uints[place])
            # Over the prefix and the value: the next prefix begins on the next line.
            at = <const char*>memchr(at + size, c"\n", self.walk.end - at - size) + 1
        return 0

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
            entries = self.scanner.metadata_at[places[low]]
            self.metadata_at[self.count + <Py_ssize_t>places[low] - index] = entries
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

    cdef int _append(self, Py_ssize_t start, Py_ssize_t size, uint32_t series_id) except -1:
        cdef Place* grown
        if self.count == self.room:
            self.room = 2 * self.room + self.scanner.count + 16
            grown = <Place*>realloc(self.places, self.room * sizeof(Place))
            if grown == NULL:
                raise MemoryError
            self.places = grown
        self.places[self.count].start = <uint32_t>start
        self.places[self.count].size = <uint32_t>size
        self.places[self.count].id = series_id
        self.count += 1
        return 0

    # Read on to the next sample and behind it; false where the body ends before one.
    cdef bint _read_sample(self) except -1:
        cdef _Walk walk = self.walk
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
                self.metadata_at[self.count] = metadata
                self._note_type(entry)
        self.tail_at, self.tail_size = start - walk.begin, walk.end - start
        if walk.skips and walk.bad.count != skipped:
            self.tail_size, self.has_tail = 0, False
        self.scanner.format.check_end(walk.buf)
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
        cdef _Walk walk = self.walk
        cdef Py_ssize_t at = walk.at - walk.begin
        try:
            return self.scanner.format.read_line(walk.buf, at, self.type_in_force)
        except ParseError as error:
            if not walk.skips:
                raise
            if _TYPE_LINE.match(walk.buf, at):
                self._put_in_force(MetricType.UNKNOWN)
            return _SkippedLine(walk.bad.note(error, at))

    # Read the sample at hand and return whether it is of a plain line. `start` is where its prefix
    # begins, which is kept if it is clean.
    cdef bint _read_plain(self, const char* start, bint is_clean) except -1:
        cdef _Walk walk = self.walk
        cdef PlainLine line
        cdef double value
        cdef int64_t t_ms
        cdef uint32_t hash, series_id
        cdef const char* at = walk.at
        cdef const char* end
        cdef size_t size
        if self.shared_metadata is None or not split_plain(at, &line):
            return False
        end = read_value(line.value, walk.with_time, &value, &t_ms)
        if end == NULL:
            return False
        size = line.labels_end - at
        hash = hash_of(at, size, SEED)
        series_id = self.scanner.find(at, size, hash)
        if series_id == NOWHERE:
            series_id = self.scanner.add(at, size, hash)
            self.new.note(series_id, self.kind_in_force, None)
        self._append(start - walk.begin, line.value - start if is_clean else 0, series_id)
        walk.at = end
        if not walk.take(value, t_ms):
            raise MemoryError
        self._go_on_behind(series_id)
        return True

    # Add a sample that the line parser read.
    cdef int _add(self, object entry, const char* start, Py_ssize_t value_at, bint is_clean) except -1:
        cdef bytes key = entry.key
        cdef const char* text = PyBytes_AS_STRING(key)
        cdef size_t size = PyBytes_GET_SIZE(key)
        cdef uint32_t hash = hash_of(text, size, SEED)
        cdef uint32_t series_id = self.scanner.find(text, size, hash)
        cdef Py_ssize_t prefix = self.walk.begin + value_at - start
        if series_id == NOWHERE:
            series_id = self.scanner.add(text, size, hash)
            self.new.note(series_id, UNUSUAL, entry.labels)
        if not is_clean or start[prefix - 1] not in (c" ", c"\t", c"}"):
            prefix = 0
        self._append(start - self.walk.begin, prefix, series_id)
        self.walk.take_object(entry.value, entry.t_ms, entry.exemplars)
        self._go_on_behind(series_id)
        return 0

    # Let the walk go on behind the place where a series stood in the last body, if it did.
    cdef int _go_on_behind(self, uint32_t series_id) except -1:
        cdef TextScanner last = self.scanner
        cdef Py_ssize_t index
        if self.place_of == NULL:
            self.place_room = last.key_count
            self.place_of = <uint32_t*>malloc(self.place_room * sizeof(uint32_t) + 1)
            if self.place_of == NULL:
                raise MemoryError
            memset(self.place_of, 0xFF, self.place_room * sizeof(uint32_t))
            for index in range(last.count):
                self.place_of[last.series.data.as_uints[index]] = <uint32_t>index
        # What got its id since then has no place.
        if series_id < self.place_room and self.place_of[series_id] != NOWHERE:
            self.walk.index = self.place_of[series_id] + 1
        return 0


cdef class _SkippedLine:
    """As `lexical.Line`, of a bad line that is left out."""

    cdef readonly object entry
    cdef readonly Py_ssize_t end

    def __init__(self, end):
        self.entry, self.end = None, end
