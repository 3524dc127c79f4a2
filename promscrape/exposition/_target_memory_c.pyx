# cython: language_level=3
# cython: boundscheck=False, wraparound=False
"""What is remembered of a target between two scans: series texts, and the layout of the last body.

Both lie in one stretch of memory, the arena: the text of the last body without its numbers, and
behind it, in the attic, the series texts that are known and not in that body. Everything else is
numbers:

    arena    prefix 0 | prefix 1 | ... | tail | attic
    ends     where each prefix ends in the arena; one of no bytes is read anew each time
    keys     by id, the place of the series text in the arena (inside a prefix, or in the attic)
    slots    a hash table with open addressing, of ids
"""

import os
from array import array

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
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
    uint32_t hash_of(const char* text, size_t size, uint64_t seed) nogil

cdef enum:
    FIRST_SLOTS = 16
    # The room in the arena for what is new in a body is kept from scrape to scrape: memory that
    # grows and shrinks with each leaves holes.
    ROOM_SHARE = 24

cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")
cdef object _IDS = array("I")


cdef class TargetMemory:
    """The memory of one target. Ids are small and dense; that of a forgotten text is reused."""

    def __cinit__(self):
        self.slots = <uint32_t*>calloc(FIRST_SLOTS, sizeof(uint32_t))
        if self.slots == NULL:
            raise MemoryError
        self.slot_count = FIRST_SLOTS
        self._forget_layout()

    def __dealloc__(self):
        free(self.arena)
        free(self.ends)
        free(self.keys)
        free(self.slots)
        free(self.free_ids)

    cdef size_t size_bytes(self) noexcept:
        return (
            self.arena_room
            + self.count * sizeof(uint32_t)
            + self.key_room * sizeof(Key)
            + self.slot_count * sizeof(uint32_t)
            + self.free_room * sizeof(uint32_t)
        )

    cdef bytes text_of(self, uint32_t series_id):
        cdef Key* key = &self.keys[series_id]
        return PyBytes_FromStringAndSize(self.arena + key.at, key.size)

    cdef uint32_t identified(
        self, const char* text, size_t size, bint* is_new
    ) except? 0xFFFFFFFF:
        cdef uint32_t hash = hash_of(text, size, SEED)
        cdef uint32_t known = self._find(text, size, hash)
        is_new[0] = known == NOWHERE
        return self._add(text, size, hash) if is_new[0] else known

    cdef c_array.array retain(self, object ids):
        cdef uint8_t* is_kept = <uint8_t*>calloc(self.key_count + 1, 1)
        cdef c_array.array wanted = ids if is_column(ids) else array("I", ids)
        cdef c_array.array forgotten
        cdef Py_ssize_t count = len(wanted)
        cdef bint is_layout_kept
        if is_kept == NULL:
            raise MemoryError
        try:
            with nogil:
                count = self.known - self._mark_kept(wanted.data.as_uints, count, is_kept)
            forgotten = c_array.clone(_IDS, count, zero=False)
            if count == 0:
                return forgotten
            self._make_room_for_free(count)
            with nogil:
                self._forget(is_kept, forgotten.data.as_uints)
                is_layout_kept = self._is_layout_kept(is_kept)
            if not is_layout_kept:
                self.move_to_attic()
            return forgotten
        finally:
            free(is_kept)

    # Mark these ids, and return how many series texts that is.
    cdef uint32_t _mark_kept(
        self, const uint32_t* wanted, Py_ssize_t count, uint8_t* is_kept
    ) noexcept nogil:
        cdef uint32_t kept = 0
        cdef Py_ssize_t index
        for index in range(count):
            kept += self.keys[wanted[index]].size > 0 and not is_kept[wanted[index]]
            is_kept[wanted[index]] = True
        return kept

    # Forget every series text but those marked, and write down their ids.
    cdef void _forget(self, const uint8_t* is_kept, uint32_t* forgotten) noexcept nogil:
        cdef uint32_t series_id
        for series_id in range(self.key_count):
            if self.keys[series_id].size and not is_kept[series_id]:
                self._remove(series_id)
                forgotten[0] = self.free_ids[self.free_count] = series_id
                forgotten += 1
                self.free_count += 1

    # Return whether all series of the last body are marked.
    cdef bint _is_layout_kept(self, const uint8_t* is_kept) noexcept nogil:
        cdef Py_ssize_t index
        for index in range(self.count):
            if not is_kept[self.series.data.as_uints[index]]:
                return False
        return True

    # Return the id of a series text that was hashed, NOWHERE where it is unknown.
    cdef uint32_t _find(self, const char* text, size_t size, uint32_t hash) noexcept nogil:
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
    cdef uint32_t _add(self, const char* text, size_t size, uint32_t hash) except? 0xFFFFFFFF:
        cdef uint32_t series_id
        self._make_room_in_arena(size)
        if self.free_count:
            self.free_count -= 1
            series_id = self.free_ids[self.free_count]
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
        cdef size_t room, share
        cdef char* grown
        if self.arena_size + size >= NOWHERE:
            raise OverflowError("series texts of 4 GiB")
        if self.arena_size + size > self.arena_room:
            # Beside a layout only what comes and goes from scrape to scrape needs room.
            share = ROOM_SHARE if self.count else 2
            room = self.arena_size + self.arena_size // share + size + 256
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

    cdef int _make_room_for_free(self, Py_ssize_t count) except -1:
        cdef Py_ssize_t room = self.free_count + count
        cdef uint32_t* grown
        if room > self.free_room:
            grown = <uint32_t*>realloc(self.free_ids, room * sizeof(uint32_t))
            if grown == NULL:
                raise MemoryError
            self.free_ids, self.free_room = grown, room
        return 0

    cdef int _grow_slots(self) except -1:
        cdef uint32_t* grown = <uint32_t*>calloc(2 * <size_t>self.slot_count, sizeof(uint32_t))
        if grown == NULL:
            raise MemoryError
        free(self.slots)
        self.slots, self.slot_count = grown, 2 * self.slot_count
        if self.known >= UNLOCKED_COUNT:
            with nogil:
                self._put_all()
        else:
            self._put_all()
        return 0

    cdef void _put_all(self) noexcept nogil:
        cdef uint32_t series_id
        for series_id in range(self.key_count):
            if self.keys[series_id].size:
                self._put(series_id)

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

    cdef int move_to_attic(self) except -1:
        cdef Layout empty
        memset(&empty, 0, sizeof(Layout))
        self._rebuild(&empty)
        self._forget_layout()
        return 0

    cdef int settle(
        self, const Layout* layout, c_array.array series, tuple metadata, dict metadata_at
    ) except -1:
        cdef uint32_t* ends = <uint32_t*>malloc(layout.count * sizeof(uint32_t) + 1)
        cdef uint32_t end
        if ends == NULL:
            raise MemoryError
        if layout.count >= UNLOCKED_COUNT:
            with nogil:
                end = put_ends(layout, ends)
        else:
            end = put_ends(layout, ends)
        try:
            self._rebuild(layout)
        except MemoryError:
            free(ends)
            raise
        free(self.ends)
        self.ends, self.count = ends, layout.count
        self.tail_at, self.tail_size, self.has_tail = end, layout.tail_size, layout.has_tail
        self.series, self.metadata, self.metadata_at = series, metadata, metadata_at
        return 0

    # Make the arena anew: the prefixes, the tail, and the texts that are in none of the prefixes.
    # In place: a large body, its texts twice, and the columns of it would be most that is ever taken.
    cdef int _rebuild(self, const Layout* layout) except -1:
        cdef bint is_done
        if self.arena_size >= UNLOCKED_BYTES or layout.count >= UNLOCKED_COUNT:
            with nogil:
                is_done = self._rebuilt(layout)
        else:
            is_done = self._rebuilt(layout)
        if not is_done:
            raise MemoryError
        return 0

    # The same; returns whether there was memory for it.
    cdef bint _rebuilt(self, const Layout* layout) noexcept nogil:
        cdef uint8_t* is_placed = <uint8_t*>calloc(self.key_count + 1, 1)
        cdef size_t attic_size = 0, size = 0
        cdef char* attic = NULL
        cdef char* shrunk
        if is_placed != NULL:
            size = self._size_of(layout, is_placed, &attic_size)
            attic = <char*>malloc(attic_size + 1) if size < NOWHERE else NULL
        if attic == NULL or not self._make_room_for_rebuilt(size):
            free(is_placed)
            free(attic)
            return False
        # Nothing can fail from here on. The attic lies last, and goes out of the way first.
        self._move_unplaced(is_placed, attic, size - attic_size)
        self._place(layout)
        memcpy(self.arena + size - attic_size, attic, attic_size)
        free(is_placed)
        free(attic)
        self.arena_size = size
        if self.arena_room - size <= 2 * size // ROOM_SHARE:
            return True
        shrunk = <char*>realloc(self.arena, size + 1)
        if shrunk != NULL:
            self.arena, self.arena_room = shrunk, size
        return True

    cdef bint _make_room_for_rebuilt(self, size_t size) noexcept nogil:
        cdef char* grown
        if size <= self.arena_room and self.arena != NULL:
            return True
        grown = <char*>realloc(self.arena, size + 1)
        if grown == NULL:
            return False
        self.arena, self.arena_room = grown, size
        return True

    # Copy the texts that lie in no prefix to the attic, which will begin at `at` of the arena.
    cdef void _move_unplaced(self, const uint8_t* is_placed, char* attic, size_t at) noexcept nogil:
        cdef uint32_t series_id
        cdef Key* key
        for series_id in range(self.key_count):
            key = &self.keys[series_id]
            if key.size and not is_placed[series_id]:
                memcpy(attic, self.arena + key.at, key.size)
                attic += key.size
                key.at = <uint32_t>at
                at += key.size

    # Write the prefixes and the tail of a layout to the front of the arena.
    cdef void _place(self, const Layout* layout) noexcept nogil:
        cdef const Place* place
        cdef Key* key
        cdef Py_ssize_t index
        cdef size_t at = 0
        for index in range(layout.count):
            place = &layout.places[index]
            memcpy(self.arena + at, layout.body + place.start, place.size)
            at += place.size
            if place.size:
                key = &self.keys[place.id]
                key.at = <uint32_t>(key_end(self.arena, at) - key.size)
        if layout.tail_size:
            memcpy(self.arena + at, layout.body + layout.tail_at, layout.tail_size)

    # Return the size of an arena with this layout, and of the attic in it; note whose text lies in
    # a prefix.
    cdef size_t _size_of(
        self, const Layout* layout, uint8_t* is_placed, size_t* attic_size
    ) noexcept nogil:
        cdef size_t size = layout.tail_size
        cdef Py_ssize_t index
        cdef uint32_t series_id
        for index in range(layout.count):
            size += layout.places[index].size
            is_placed[layout.places[index].id] |= layout.places[index].size > 0
        attic_size[0] = 0
        for series_id in range(self.key_count):
            if not is_placed[series_id]:
                attic_size[0] += self.keys[series_id].size
        return size + attic_size[0]


# Write down where each prefix ends, and return where the last one does.
cdef uint32_t put_ends(const Layout* layout, uint32_t* ends) noexcept nogil:
    cdef uint32_t end = 0
    cdef Py_ssize_t index
    for index in range(layout.count):
        end += layout.places[index].size
        ends[index] = end
    return end


cdef bint is_column(object ids):
    return isinstance(ids, array) and ids.typecode == "I"


# Return the end of the series text in a prefix that ends at `end`: blanks may stand between them.
cdef inline size_t key_end(const char* arena, size_t end) noexcept nogil:
    while arena[end - 1] == c" " or arena[end - 1] == c"\t":
        end -= 1
    return end
