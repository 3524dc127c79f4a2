from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef enum:
    TABLES = 1 << 10
    CLASSES = 160


cdef struct Table:
    uint32_t* slots
    uint32_t size
    uint32_t count


# Where the text lies, or the next free symbol; and how many label sets have it.
cdef struct Symbol:
    uint32_t at
    uint32_t users


cdef class LabelStore:
    cdef uint32_t* cells
    cdef size_t used, room
    cdef uint32_t free_cells[CLASSES]
    cdef Symbol* all_symbols
    cdef uint32_t symbol_end, symbol_room, free_symbol
    cdef uint32_t* begins
    cdef uint16_t* holds
    cdef uint32_t row_end, row_room, first_free, last_free
    cdef Table by_text[TABLES]
    cdef Table by_symbols[TABLES]
    cdef uint32_t* scratch
    cdef size_t scratch_room
    cdef Py_ssize_t count

    # Return the symbols of a row, names and values by turns: good until the store changes.
    cdef inline const uint32_t* symbols_of(self, uint32_t row, size_t* count) noexcept:
        cdef const uint32_t* begin = self.cells + self.begins[row]
        count[0] = begin[0]
        return begin + 1

    # As `symbols_of`, of a row that somebody holds; raises IndexError for others.
    cdef inline const uint32_t* labels_of(self, uint32_t row, size_t* count) except NULL:
        if row >= self.row_end or (row and self.holds[row] == 0):
            raise IndexError("no such row")
        return self.symbols_of(row, count)

    # Return a text behind its length, a uvarint: good until the store changes. What lies behind
    # it may be read, too, up to SLACK_CELLS.
    cdef inline const uint8_t* sized_text(self, uint32_t symbol) noexcept:
        return <const uint8_t*>(self.cells + self.all_symbols[symbol].at)

    cdef uint32_t _hash(self, const Table* tables, uint32_t number) noexcept
    cdef int _enter(self, Table* tables, uint32_t number, uint32_t hash) except -1
    cdef int _grow(self, Table* tables, Table* table) except -1
    cdef void _leave(self, Table* tables, uint32_t number) noexcept
    cdef uint32_t _take_cells(self, size_t size) except? 0
    cdef void _give_cells(self, uint32_t at, size_t size) noexcept
    cdef uint32_t _find_text(self, const uint8_t* text, size_t size, uint32_t hash) noexcept
    cdef uint32_t _add_text(self, const uint8_t* text, size_t size, uint32_t hash) except? 0
    cdef void _drop_text(self, uint32_t symbol) noexcept
    cdef Py_ssize_t _read(self, bytes wire, bint adds) except? -2
    cdef size_t size_of_wire(self, uint32_t row) except 0
    cdef uint8_t* put_wire(self, uint8_t* to, uint32_t row) noexcept
    cdef const uint8_t* text_of(self, uint32_t symbol, size_t* size) noexcept
    cdef int _make_scratch(self, size_t count) except -1
    cdef uint32_t _keep_scratch(self, size_t count) except? 0
    cdef uint32_t _find(self, size_t count, uint32_t hash) noexcept
    cdef uint32_t _add(self, size_t count, uint32_t hash) except? 0
    cdef uint32_t _new_row(self) except? 0
    cdef int _check(self, uint32_t row) except -1
    cdef void _hold(self, uint32_t row) noexcept
    cdef int _repeats_name(self, uint32_t row) except -1
    cdef void _let_go(self, uint32_t row) noexcept
