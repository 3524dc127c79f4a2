# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Slots are reached through a mask; rows are checked where they come in.
"""The compiled twin of `_label_store_py`, which says what these do.

Texts and label sets lie in one array of cells, of four bytes each:

    text     its length as a uvarint, its bytes
    set      the number of its symbols, the symbols

    begins   by row: the cell of the set, or the next free row
    symbols  by number: the cell of the text and how many sets have it, or the next free symbol

The room of what is let go is given out again for what is just as large, which mostly comes soon:
nothing is ever moved, and no call takes long. One file has texts, sets and tables, since each call
goes through all three of one object's memory. No call lets other threads run, or makes an object
that the search for reference cycles knows, before it is done with its changes.
"""

import os
from array import array

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy

from promscrape.model._uvarint_c cimport get_uvarint, put_uvarint, size_of_uvarint

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static inline uint64_t folded(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }

    /* A hash that nobody outside can foresee: the seed is the process's own. */
    static inline uint32_t seeded_hash(const void *text, size_t size, uint64_t seed) {
        const char *at = (const char *)text;
        uint64_t hash = seed ^ size, word;
        for (; size > 8; at += 8, size -= 8) {
            memcpy(&word, at, 8);
            hash = folded(hash ^ word, 0x9E3779B97F4A7C15ull ^ seed);
        }
        word = 0;
        memcpy(&word, at, size);
        hash = folded(hash ^ word, 0xD6E8FEB86659FD93ull ^ seed);
        return (uint32_t)(hash ^ hash >> 32);
    }

    static inline int bits_of(uint32_t number) {
        return 32 - __builtin_clz(number);
    }
    """
    uint32_t seeded_hash(const void* text, size_t size, uint64_t seed) nogil
    int bits_of(uint32_t number) nogil

cdef enum:
    TABLE_BITS = 10
    FIRST_SLOTS = 1 << 3
    CELL = sizeof(uint32_t)
    # What has as many cells or fewer has a list of free room of its own; above it there is one for
    # each power of two.
    EXACT_CELLS = 127
    EXACT_BITS = 7
    SLACK_CELLS = 16
    # A row that is held so often is never let go: nobody counts so far.
    HELD_FOREVER = 0xFFFF

cdef object _SYMBOLS = array("I")
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")
cdef size_t MOST_CELLS = 0xFFFFFFFF


cdef inline int class_of(size_t size) noexcept nogil:
    if size <= EXACT_CELLS:
        return <int>size
    return EXACT_CELLS + 1 - EXACT_BITS + bits_of(<uint32_t>(size - 1))


cdef inline size_t cells_of_class(int of) noexcept nogil:
    return <size_t>of if of <= EXACT_CELLS else <size_t>1 << (of - EXACT_CELLS - 1 + EXACT_BITS)


# Return the length of a text in the store, and where it begins behind that.
cdef inline size_t size_of_text(const uint8_t** at) noexcept nogil:
    cdef uint64_t size = at[0][0]
    if size < 0x80:
        at[0] += 1
    else:
        at[0] = get_uvarint(at[0], at[0] + 10, &size)
    return size


cdef inline size_t cells_of_text(size_t size) noexcept nogil:
    return (size_of_uvarint(size) + size + CELL - 1) // CELL


cdef inline void put(Table* table, uint32_t number, uint32_t place) noexcept nogil:
    cdef uint32_t mask = table.size - 1
    cdef uint32_t at = place & mask
    while table.slots[at]:
        at = (at + 1) & mask
    table.slots[at] = number


cdef class LabelStore:
    """See the plain twin."""

    def __cinit__(self):
        # Row 0 is the empty set, symbol 0 the empty text, and both lie in cells of zeros: at 0.
        self.room = 4 * SLACK_CELLS
        self.cells = <uint32_t*>calloc(self.room, CELL)
        self.row_room = self.symbol_room = 16
        self.begins = <uint32_t*>calloc(self.row_room, sizeof(uint32_t))
        self.holds = <uint16_t*>calloc(self.row_room, sizeof(uint16_t))
        self.all_symbols = <Symbol*>calloc(self.symbol_room, sizeof(Symbol))
        if not (self.cells and self.begins and self.holds and self.all_symbols):
            raise MemoryError
        self.used = self.row_end = self.symbol_end = 1
        self.all_symbols[0].users = 1

    def __dealloc__(self):
        cdef uint32_t at
        for at in range(TABLES):
            free(self.by_text[at].slots)
            free(self.by_symbols[at].slots)
        free(self.cells)
        free(self.begins)
        free(self.holds)
        free(self.all_symbols)
        free(self.scratch)

    def __len__(self):
        """Return how many label sets are kept, without the empty one."""
        return self.count

    @property
    def size_bytes(self):
        """The memory that is taken, the tables left out."""
        return (
            self.used * CELL
            + self.row_end * (sizeof(uint32_t) + sizeof(uint16_t))
            + self.symbol_end * sizeof(Symbol)
        )

    def find(self, bytes wire not None):
        """See the plain twin."""
        cdef Py_ssize_t count = self._read(wire, False)
        if count <= 0:
            return 0
        return self._find(count, seeded_hash(self.scratch, count * CELL, SEED))

    def keep(self, bytes wire not None):
        """See the plain twin."""
        return self._keep_scratch(self._read(wire, True))

    def hold(self, uint32_t row):
        """See the plain twin."""
        self._check(row)
        self._hold(row)

    def let_go(self, uint32_t row):
        """See the plain twin."""
        self._check(row)
        self._let_go(row)

    def let_go_all(self, c_array.array rows not None):
        """See the plain twin."""
        cdef Py_ssize_t at
        for at in range(len(rows)):
            self._check(rows.data.as_uints[at])
            self._let_go(rows.data.as_uints[at])

    def wire(self, uint32_t row):
        """See the plain twin."""
        cdef bytes wire = PyBytes_FromStringAndSize(NULL, self.size_of_wire(row))
        self.put_wire(<uint8_t*>PyBytes_AS_STRING(wire), row)
        return wire

    def repeats_name(self, uint32_t row):
        """See the plain twin."""
        return self._repeats_name(row) != 0

    def symbols(self, uint32_t row):
        """See the plain twin."""
        cdef size_t count
        cdef c_array.array found
        self._check(row)
        self.symbols_of(row, &count)
        found = c_array.clone(_SYMBOLS, count, zero=False)
        memcpy(found.data.as_uints, self.symbols_of(row, &count), count * CELL)
        return found

    def text(self, uint32_t symbol):
        """See the plain twin."""
        cdef const uint8_t* text
        cdef size_t size
        if symbol >= self.symbol_end or self.all_symbols[symbol].users == 0:
            raise IndexError("no such symbol")
        text = self.sized_text(symbol)
        size = size_of_text(&text)
        return PyBytes_FromStringAndSize(<const char*>text, size)

    def find_text(self, bytes text not None):
        """See the plain twin."""
        cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(text)
        cdef size_t size = PyBytes_GET_SIZE(text)
        return self._find_text(begin, size, seeded_hash(begin, size, SEED)) if size else 0

    def keep_text(self, bytes text not None):
        """See the plain twin."""
        cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(text)
        cdef size_t size = PyBytes_GET_SIZE(text)
        cdef uint32_t hash = seeded_hash(begin, size, SEED), symbol
        if size == 0:
            return 0
        symbol = self._find_text(begin, size, hash)
        if symbol == 0:
            symbol = self._add_text(begin, size, hash)
        self.all_symbols[symbol].users += 1
        return symbol

    def let_go_text(self, uint32_t symbol):
        """See the plain twin."""
        if symbol >= self.symbol_end or self.all_symbols[symbol].users == 0:
            raise IndexError("no such symbol")
        if symbol:
            self._drop_text(symbol)

    cdef int _check(self, uint32_t row) except -1:
        if row >= self.row_end or (row and self.holds[row] == 0):
            raise IndexError("no such row")
        return 0

    cdef void _hold(self, uint32_t row) noexcept:
        if row and self.holds[row] != HELD_FOREVER:
            self.holds[row] += 1

    cdef int _repeats_name(self, uint32_t row) except -1:
        cdef size_t count, at
        cdef const uint32_t* symbols = self.labels_of(row, &count)
        for at in range(2, count, 2):
            if symbols[at] == symbols[at - 2]:
                return True
        return False

    # Hold the label set whose symbols are in `scratch` once more, and return its row.
    cdef uint32_t _keep_scratch(self, size_t count) except? 0:
        cdef uint32_t hash, row
        if count == 0:
            return 0
        hash = seeded_hash(self.scratch, count * CELL, SEED)
        row = self._find(count, hash)
        if row == 0:
            row = self._add(count, hash)
        self._hold(row)
        return row

    cdef int _make_scratch(self, size_t count) except -1:
        cdef void* grown
        if count > self.scratch_room:
            grown = realloc(self.scratch, 2 * count * CELL)
            if grown == NULL:
                raise MemoryError
            self.scratch, self.scratch_room = <uint32_t*>grown, 2 * count
        return 0

    cdef size_t size_of_wire(self, uint32_t row) except 0:
        cdef size_t count, at, total, size
        cdef const uint32_t* symbols
        if row >= self.row_end:
            raise IndexError("no such row")
        if self.holds[row] == 0:
            return 1
        symbols = self.symbols_of(row, &count)
        total = size_of_uvarint(count // 2)
        for at in range(count):
            self.text_of(symbols[at], &size)
            total += size_of_uvarint(size) + size
        return total

    # Write a label set of which the size was asked, and return the place behind it.
    cdef uint8_t* put_wire(self, uint8_t* to, uint32_t row) noexcept:
        cdef size_t count, at, size
        cdef const uint32_t* symbols
        cdef const uint8_t* text
        if self.holds[row] == 0:
            to[0] = 0
            return to + 1
        symbols = self.symbols_of(row, &count)
        to = put_uvarint(to, count // 2)
        for at in range(count):
            text = self.text_of(symbols[at], &size)
            to = put_uvarint(to, size)
            memcpy(to, text, size)
            to += size
        return to

    # Return a text of the store, and its length: good until the store changes.
    cdef const uint8_t* text_of(self, uint32_t symbol, size_t* size) noexcept:
        cdef const uint8_t* text = self.sized_text(symbol)
        size[0] = size_of_text(&text)
        return text

    # Read the symbols of a label set into `scratch` and return their number. Texts without a symbol
    # get one, or -1 is returned.
    cdef Py_ssize_t _read(self, bytes wire, bint adds) except? -2:
        cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(wire)
        cdef const uint8_t* end = at + PyBytes_GET_SIZE(wire)
        cdef const uint8_t* text
        cdef uint64_t size = 0, count = 0, place
        cdef uint32_t hash, symbol
        at = text = get_uvarint(at, end, &count)
        # Each text has a byte at least, its length.
        if at == NULL or count > <uint64_t>(end - at):
            raise ValueError("a label set that is cut short")
        count *= 2
        for place in range(count):
            text = get_uvarint(text, end, &size)
            if text == NULL or size > <uint64_t>(end - text):
                raise ValueError("a label set that is cut short")
            text += size
        self._make_scratch(count)
        for place in range(count):
            at = get_uvarint(at, end, &size)
            symbol = 0
            if size:
                hash = seeded_hash(at, size, SEED)
                symbol = self._find_text(at, size, hash)
                if symbol == 0:
                    if not adds:
                        return -1
                    symbol = self._add_text(at, size, hash)
            self.scratch[place] = symbol
            at += size
        return count

    cdef uint32_t _find_text(self, const uint8_t* text, size_t size, uint32_t hash) noexcept:
        cdef Table* table = &self.by_text[hash & (TABLES - 1)]
        cdef uint32_t mask = table.size - 1, at = (hash >> TABLE_BITS) & mask
        cdef const uint8_t* other
        if table.size == 0:
            return 0
        while table.slots[at]:
            other = self.sized_text(table.slots[at])
            if size_of_text(&other) == size and memcmp(other, text, size) == 0:
                return table.slots[at]
            at = (at + 1) & mask
        return 0

    # Give a text a symbol, with no users yet.
    cdef uint32_t _add_text(self, const uint8_t* text, size_t size, uint32_t hash) except? 0:
        cdef uint32_t room = self.symbol_room + self.symbol_room // 4 + 16
        cdef uint32_t at = self._take_cells(cells_of_text(size)), symbol = self.free_symbol
        cdef void* grown
        if symbol:
            self.free_symbol = self.all_symbols[symbol].at
        else:
            if self.symbol_end == self.symbol_room:
                grown = realloc(self.all_symbols, room * sizeof(Symbol))
                if grown == NULL:
                    raise MemoryError
                self.all_symbols, self.symbol_room = <Symbol*>grown, room
            symbol = self.symbol_end
            self.symbol_end += 1
        self.all_symbols[symbol].at, self.all_symbols[symbol].users = at, 0
        memcpy(put_uvarint(<uint8_t*>(self.cells + at), size), text, size)
        self._enter(self.by_text, symbol, hash)
        return symbol

    # Take one user from a text; without any it goes.
    cdef void _drop_text(self, uint32_t symbol) noexcept:
        cdef const uint8_t* text
        cdef uint32_t at = self.all_symbols[symbol].at
        self.all_symbols[symbol].users -= 1
        if self.all_symbols[symbol].users:
            return
        self._leave(self.by_text, symbol)
        text = self.sized_text(symbol)
        self._give_cells(at, cells_of_text(size_of_text(&text)))
        self.all_symbols[symbol].at, self.free_symbol = self.free_symbol, symbol

    # Return the row of the symbols in `scratch`, or 0.
    cdef uint32_t _find(self, size_t count, uint32_t hash) noexcept:
        cdef Table* table = &self.by_symbols[hash & (TABLES - 1)]
        cdef uint32_t mask = table.size - 1, at = (hash >> TABLE_BITS) & mask
        cdef const uint32_t* other
        if table.size == 0:
            return 0
        while table.slots[at]:
            other = self.cells + self.begins[table.slots[at]]
            if other[0] == count and memcmp(other + 1, self.scratch, count * CELL) == 0:
                return table.slots[at]
            at = (at + 1) & mask
        return 0

    # Give the symbols in `scratch` a row, which nobody holds yet.
    cdef uint32_t _add(self, size_t count, uint32_t hash) except? 0:
        cdef uint32_t begin = self._take_cells(1 + count), row = self._new_row()
        cdef size_t at
        self.begins[row] = begin
        self.cells[begin] = <uint32_t>count
        memcpy(self.cells + begin + 1, self.scratch, count * CELL)
        for at in range(count):
            self.all_symbols[self.scratch[at]].users += 1
        self._enter(self.by_symbols, row, hash)
        self.count += 1
        return row

    # Rows are given out again in the order in which they were let go.
    cdef uint32_t _new_row(self) except? 0:
        cdef uint32_t row = self.first_free, room
        cdef void* grown
        if row:
            self.first_free = self.begins[row]
            if self.first_free == 0:
                self.last_free = 0
            return row
        if self.row_end == self.row_room:
            room = self.row_room + self.row_room // 4 + 16
            grown = realloc(self.begins, room * sizeof(uint32_t))
            if grown == NULL:
                raise MemoryError
            self.begins = <uint32_t*>grown
            grown = realloc(self.holds, room * sizeof(uint16_t))
            if grown == NULL:
                raise MemoryError
            self.holds, self.row_room = <uint16_t*>grown, room
        row = self.row_end
        self.row_end += 1
        self.holds[row] = 0
        return row

    cdef void _let_go(self, uint32_t row) noexcept:
        cdef size_t count, at
        cdef const uint32_t* symbols
        if row == 0 or self.holds[row] == HELD_FOREVER:
            return
        self.holds[row] -= 1
        if self.holds[row]:
            return
        self._leave(self.by_symbols, row)
        symbols = self.symbols_of(row, &count)
        for at in range(count):
            self._drop_text(symbols[at])
        self._give_cells(self.begins[row], 1 + count)
        self.begins[row] = 0
        if self.last_free:
            self.begins[self.last_free] = row
        else:
            self.first_free = row
        self.last_free = row
        self.count -= 1

    cdef uint32_t _take_cells(self, size_t size) except? 0:
        cdef int of = class_of(size)
        cdef uint32_t at = self.free_cells[of]
        cdef size_t room
        cdef void* grown
        if at:
            self.free_cells[of] = self.cells[at]
            return at
        size = cells_of_class(of)
        if self.used + size + SLACK_CELLS > self.room:
            room = self.used + self.used // 4 + size + 4 * SLACK_CELLS
            if self.used + size + SLACK_CELLS > MOST_CELLS:
                raise MemoryError("label sets of 16 GiB")
            grown = realloc(self.cells, room * CELL)
            if grown == NULL:
                raise MemoryError
            self.cells, self.room = <uint32_t*>grown, room
        at = <uint32_t>self.used
        self.used += size
        return at

    cdef void _give_cells(self, uint32_t at, size_t size) noexcept:
        cdef int of = class_of(size)
        self.cells[at] = self.free_cells[of]
        self.free_cells[of] = at

    cdef uint32_t _hash(self, const Table* tables, uint32_t number) noexcept:
        cdef const uint8_t* text
        cdef const uint32_t* symbols
        cdef size_t size
        if tables == self.by_text:
            text = self.sized_text(number)
            size = size_of_text(&text)
            return seeded_hash(text, size, SEED)
        symbols = self.symbols_of(number, &size)
        return seeded_hash(symbols, size * CELL, SEED)

    cdef int _enter(self, Table* tables, uint32_t number, uint32_t hash) except -1:
        cdef Table* table = &tables[hash & (TABLES - 1)]
        if 3 * <uint64_t>(table.count + 1) > 2 * <uint64_t>table.size:
            self._grow(tables, table)
        table.count += 1
        put(table, number, hash >> TABLE_BITS)
        return 0

    cdef int _grow(self, Table* tables, Table* table) except -1:
        cdef uint32_t size = 2 * table.size if table.size else FIRST_SLOTS, at
        cdef Table grown
        grown.slots, grown.size, grown.count = <uint32_t*>calloc(size, CELL), size, table.count
        if grown.slots == NULL:
            raise MemoryError
        for at in range(table.size):
            if table.slots[at]:
                put(&grown, table.slots[at], self._hash(tables, table.slots[at]) >> TABLE_BITS)
        free(table.slots)
        table[0] = grown
        return 0

    cdef void _leave(self, Table* tables, uint32_t number) noexcept:
        cdef uint32_t hash = self._hash(tables, number)
        cdef Table* table = &tables[hash & (TABLES - 1)]
        cdef uint32_t mask = table.size - 1, at, own
        cdef uint32_t hole = (hash >> TABLE_BITS) & mask
        while table.slots[hole] != number:
            hole = (hole + 1) & mask
        # What stands after the hole moves up to it, unless that is before its own place.
        at = (hole + 1) & mask
        while table.slots[at]:
            own = (self._hash(tables, table.slots[at]) >> TABLE_BITS) & mask
            if ((at - own) & mask) >= ((at - hole) & mask):
                table.slots[hole] = table.slots[at]
                hole = at
            at = (at + 1) & mask
        table.slots[hole] = 0
        table.count -= 1
