# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Slots are reached through a mask; rows come from the owner of the column.
"""The compiled twin of `_wire_index_py`, which says what these do."""

from array import array

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

cdef enum:
    TABLE_BITS = 10
    TABLES = 1 << TABLE_BITS
    FIRST_SLOTS = 1 << 3

cdef object _ROWS = array("I")


cdef struct Table:
    uint32_t* slots
    uint32_t size
    uint32_t count


cdef class WireIndex:
    """See the plain twin."""

    cdef list wires
    cdef Table tables[TABLES]
    cdef Py_ssize_t count

    def __init__(self, list wires not None):
        cdef int at
        self.wires = wires
        for at in range(TABLES):
            if self.tables[at].slots == NULL:
                self.tables[at].slots = <uint32_t*>calloc(FIRST_SLOTS, sizeof(uint32_t))
                if self.tables[at].slots == NULL:
                    raise MemoryError
                self.tables[at].size = FIRST_SLOTS

    def __dealloc__(self):
        cdef int at
        for at in range(TABLES):
            free(self.tables[at].slots)

    def __len__(self):
        return self.count

    @property
    def table_sizes(self):
        """How many slots each of the tables has."""
        cdef int at
        return [self.tables[at].size for at in range(TABLES)]

    def find(self, wire):
        """Return the row with this label set, or 0."""
        if not isinstance(wire, bytes):
            raise TypeError("a label set is bytes")
        return self._find(<bytes>wire)

    cdef uint32_t _find(self, bytes wire) except? 0:
        cdef uint64_t own = <uint64_t><Py_ssize_t>hash(wire)
        cdef Table* table = &self.tables[own & (TABLES - 1)]
        cdef uint32_t mask = table.size - 1, row
        cdef uint32_t at = <uint32_t>(own >> TABLE_BITS) & mask
        cdef Py_ssize_t size = PyBytes_GET_SIZE(wire)
        cdef bytes other
        while table.slots[at]:
            row = table.slots[at]
            other = <bytes>self.wires[row]
            if other is wire or (
                PyBytes_GET_SIZE(other) == size
                and memcmp(PyBytes_AS_STRING(other), PyBytes_AS_STRING(wire), size) == 0
            ):
                return row
            at = (at + 1) & mask
        return 0

    def add(self, uint32_t row):
        """Take a row whose label set is in the column, and in no other row."""
        self._add(row)

    cdef int _add(self, uint32_t row) except -1:
        cdef uint64_t own = self._hash(row)
        cdef Table* table = &self.tables[own & (TABLES - 1)]
        if 3 * <uint64_t>(table.count + 1) > 2 * <uint64_t>table.size:
            self._grow(table)
        table.count += 1
        self.count += 1
        put(table.slots, table.size, row, own >> TABLE_BITS)
        return 0

    cdef uint64_t _hash(self, uint32_t row) except? 0:
        return <uint64_t><Py_ssize_t>hash(<bytes>self.wires[row])

    cdef int _grow(self, Table* table) except -1:
        cdef uint32_t* grown = <uint32_t*>calloc(2 * <size_t>table.size, sizeof(uint32_t))
        cdef uint32_t at
        if grown == NULL:
            raise MemoryError
        for at in range(table.size):
            if table.slots[at]:
                put(grown, 2 * table.size, table.slots[at], self._hash(table.slots[at]) >> TABLE_BITS)
        free(table.slots)
        table.slots, table.size = grown, 2 * table.size
        return 0

    def remove(self, uint32_t row):
        """Forget a row whose label set is still in the column."""
        cdef uint64_t hash_ = self._hash(row)
        cdef Table* table = &self.tables[hash_ & (TABLES - 1)]
        cdef uint32_t mask = table.size - 1, at, own
        cdef uint32_t hole = <uint32_t>(hash_ >> TABLE_BITS) & mask
        while table.slots[hole] != row:
            hole = (hole + 1) & mask
        # What stands after the hole moves up to it, unless that is before its own place.
        at = (hole + 1) & mask
        while table.slots[at]:
            own = <uint32_t>(self._hash(table.slots[at]) >> TABLE_BITS) & mask
            if ((at - own) & mask) >= ((at - hole) & mask):
                table.slots[hole] = table.slots[at]
                hole = at
            at = (at + 1) & mask
        table.slots[hole] = 0
        table.count -= 1
        self.count -= 1

    def rows_of_texts(self, bytes wire not None):
        """See the plain twin."""
        cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(wire)
        cdef const uint8_t* end = at + PyBytes_GET_SIZE(wire)
        cdef uint64_t size = 0, count = 0
        cdef Py_ssize_t place
        cdef uint32_t row
        cdef bytes text
        cdef c_array.array rows
        at = read_size(at, end, &count)
        if at == NULL or count > <uint64_t>(end - at):
            raise ValueError("a label set that is cut short")
        rows = c_array.clone(_ROWS, 2 * <Py_ssize_t>count, zero=False)
        for place in range(2 * <Py_ssize_t>count):
            at = read_size(at, end, &size)
            if at == NULL or size > <uint64_t>(end - at):
                raise ValueError("a label set that is cut short")
            row = 0
            if size:
                text = PyBytes_FromStringAndSize(<const char*>at, size)
                row = self._find(text)
                if row == 0:
                    row = <uint32_t>len(self.wires)
                    self.wires.append(text)
                    self._add(row)
            rows.data.as_uints[place] = row
            at += size
        return rows


cdef void put(uint32_t* slots, uint32_t size, uint32_t row, uint64_t place) noexcept nogil:
    cdef uint32_t mask = size - 1
    cdef uint32_t at = <uint32_t>place & mask
    while slots[at]:
        at = (at + 1) & mask
    slots[at] = row


# Read a uvarint before `end` and return the place behind it, NULL where there is none.
cdef inline const uint8_t* read_size(
    const uint8_t* at, const uint8_t* end, uint64_t* size
) noexcept nogil:
    cdef uint64_t found = 0
    cdef int shift = 0
    while at < end and shift < 63:
        found |= <uint64_t>(at[0] & 0x7F) << shift
        if at[0] < 0x80:
            size[0] = found
            return at + 1
        at += 1
        shift += 7
    return NULL


def repeats_name(bytes wire not None):
    """See the plain twin."""
    cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(wire)
    cdef const uint8_t* end = at + PyBytes_GET_SIZE(wire)
    cdef const uint8_t* last = NULL
    cdef uint64_t count = 0, size = 0, last_size = 0, place
    at = read_size(at, end, &count)
    if at == NULL:
        raise ValueError("a label set that is cut short")
    for place in range(count):
        at = read_size(at, end, &size)
        if at == NULL or size > <uint64_t>(end - at):
            raise ValueError("a label set that is cut short")
        if last != NULL and size == last_size and memcmp(at, last, size) == 0:
            return True
        last, last_size = at, size
        at = read_size(at + size, end, &size)
        if at == NULL or size > <uint64_t>(end - at):
            raise ValueError("a label set that is cut short")
        at += size
    return False
