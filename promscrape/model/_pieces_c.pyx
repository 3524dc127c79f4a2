# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Places are checked against the column before it is walked or written to.
"""The compiled twin of `_pieces_py`, which says what these do.

The interpreter's lock is kept, because another thread may make a column longer, and with that move
it; but every so many entries whoever waits for the lock gets it, and then the columns are looked up
again.
"""

from array import array

from cpython cimport array as c_array
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    # Some hundred microseconds.
    BLOCK = 1 << 16

cdef dict _EMPTY = {code: array(code) for code in "BIQqd"}
cdef uint64_t SIGN = <uint64_t>1 << 63


# Where the entries lie, how many they are, of how many bytes each, and whether they have a sign.
cdef struct View:
    uint8_t* at
    Py_ssize_t count
    int width
    bint is_signed


cdef int look(object column, View* view) except -1:
    cdef c_array.array entries
    view.is_signed = False
    if isinstance(column, bytearray):
        view.at = <uint8_t*>PyByteArray_AS_STRING(column)
        view.count, view.width = PyByteArray_GET_SIZE(column), 1
    elif isinstance(column, bytes):
        view.at = <uint8_t*>PyBytes_AS_STRING(column)
        view.count, view.width = PyBytes_GET_SIZE(column), 1
    else:
        entries = column
        view.at, view.count = <uint8_t*>entries.data.as_chars, len(entries)
        view.width = entries.ob_descr.itemsize
        view.is_signed = entries.ob_descr.typecode == c"q"
        if view.width not in (1, 4, 8):
            raise TypeError("entries of one, four or eight bytes are wanted")
    return 0


cdef inline int give_way() except -1:
    with nogil:
        pass
    return 0


cdef inline uint64_t entry(const View* view, Py_ssize_t at) noexcept nogil:
    cdef uint64_t wide
    cdef uint32_t narrow
    if view.width == 8:
        memcpy(&wide, view.at + 8 * at, 8)
        return wide
    if view.width == 4:
        memcpy(&narrow, view.at + 4 * at, 4)
        return narrow
    return view.at[at]


cdef inline void set_entry(View* view, Py_ssize_t at, uint64_t value) noexcept nogil:
    cdef uint32_t narrow = <uint32_t>value
    if view.width == 8:
        memcpy(view.at + 8 * at, &value, 8)
    elif view.width == 4:
        memcpy(view.at + 4 * at, &narrow, 4)
    else:
        view.at[at] = <uint8_t>value


# Whether a column can have an entry of another one.
cdef inline bint fits(const View* to, const View* of, uint64_t value) noexcept nogil:
    if to.is_signed != of.is_signed and value & SIGN:
        return False
    return to.width == 8 or value >> (8 * to.width) == 0


cdef inline c_array.array new_column(typecode, Py_ssize_t count):
    return c_array.clone(_EMPTY[typecode], count, zero=False)


def picked(values, c_array.array places not None, typecode):
    """See the plain twin."""
    cdef Py_ssize_t count = len(places), start, at
    cdef c_array.array found = new_column(typecode, count)
    cdef View of, by, to
    cdef uint64_t place, value
    look(found, &to)
    for start in range(0, count, BLOCK):
        if start:
            give_way()
        look(values, &of)
        look(places, &by)
        for at in range(start, min(start + BLOCK, count, by.count)):
            place = entry(&by, at)
            if place >= <uint64_t>of.count:
                raise IndexError("no such place in the column")
            value = entry(&of, place)
            if not fits(&to, &of, value):
                raise OverflowError("a value does not fit")
            set_entry(&to, at, value)
    return found


def paged(dict pages not None, c_array.array places not None, int bits):
    """See the plain twin."""
    cdef Py_ssize_t count = len(places), at
    cdef c_array.array found = new_column("I", count), page = None
    cdef uint64_t rest = (<uint64_t>1 << bits) - 1, place, number = 0
    cdef uint32_t* to = found.data.as_uints
    cdef View by
    for at in range(count):
        if at % BLOCK == 0:
            if at:
                give_way()
            look(places, &by)
            if by.count != count:
                raise ValueError("the places have changed")
        place = entry(&by, at)
        if at % BLOCK == 0 or place >> bits != number:
            number = place >> bits
            page = pages.get(number)
        to[at] = page.data.as_uints[place & rest] if page is not None else 0
    return found


def put_each(column, c_array.array places not None, c_array.array values not None):
    """See the plain twin."""
    cdef Py_ssize_t count = len(places), start, at
    cdef View to, by, of
    cdef uint64_t place, value
    if len(values) != count:
        raise ValueError("as many values as places are wanted")
    for start in range(0, count, BLOCK):
        if start:
            give_way()
        look(column, &to)
        look(places, &by)
        look(values, &of)
        for at in range(start, min(start + BLOCK, by.count, of.count)):
            place, value = entry(&by, at), entry(&of, at)
            if place >= <uint64_t>to.count:
                raise IndexError("no such place in the column")
            if not fits(&to, &of, value):
                raise OverflowError("a value does not fit")
            set_entry(&to, place, value)


def put(column, c_array.array places not None, value):
    """See the plain twin."""
    cdef Py_ssize_t count = len(places), start, at
    cdef View to, by
    cdef uint64_t place, bits
    look(column, &to)
    if to.is_signed:
        bits = <uint64_t><int64_t>value
    else:
        bits = value
    if to.width < 8 and bits >> (8 * to.width):
        raise OverflowError("a value does not fit")
    for start in range(0, count, BLOCK):
        if start:
            give_way()
            look(column, &to)
        look(places, &by)
        for at in range(start, min(start + BLOCK, count, by.count)):
            place = entry(&by, at)
            if place >= <uint64_t>to.count:
                raise IndexError("no such place in the column")
            set_entry(&to, place, bits)


def compressed(c_array.array column not None, keep not None):
    """See the plain twin."""
    cdef Py_ssize_t count = 0, start, at, kept = 0
    cdef View of, by, to
    cdef c_array.array found
    look(keep, &by)
    look(column, &of)
    count = min(by.count, of.count)
    found = new_column(column.typecode, count)
    look(found, &to)
    for start in range(0, count, BLOCK):
        if start:
            give_way()
            look(keep, &by)
            look(column, &of)
        for at in range(start, min(start + BLOCK, count, of.count)):
            if by.at[at]:
                set_entry(&to, kept, entry(&of, at))
                kept += 1
    c_array.resize(found, kept)
    return found


def marked(c_array.array ids not None, Py_ssize_t size):
    """See the plain twin."""
    marks = bytearray(size)
    put(marks, ids, 1)
    return marks


def absent(c_array.array before not None, c_array.array now not None, Py_ssize_t size):
    """See the plain twin."""
    cdef bytearray is_gone = marked(before, size)
    cdef c_array.array found
    cdef Py_ssize_t at, count = 0
    put(is_gone, now, 0)
    found = new_column("I", is_gone.count(1))
    for at in range(size):
        if at % BLOCK == BLOCK - 1:
            give_way()
        if (<uint8_t*>PyByteArray_AS_STRING(is_gone))[at]:
            found.data.as_uints[count] = <uint32_t>at
            count += 1
    return found


def largest(c_array.array column not None):
    """See the plain twin."""
    cdef Py_ssize_t count = len(column), start, at
    cdef uint64_t flip, best = 0, value
    cdef View of
    look(column, &of)
    # With the sign bit turned around they are in the order of numbers without one.
    flip = SIGN if of.is_signed else 0
    for start in range(0, count, BLOCK):
        if start:
            give_way()
            look(column, &of)
        for at in range(start, min(start + BLOCK, of.count)):
            value = entry(&of, at) ^ flip
            if value > best:
                best = value
    if count == 0:
        return 0
    best ^= flip
    return <int64_t>best if flip else best


def has_zero(c_array.array column not None):
    """See the plain twin."""
    cdef Py_ssize_t start, at
    cdef View of
    look(column, &of)
    for start in range(0, of.count, BLOCK):
        if start:
            give_way()
            look(column, &of)
        for at in range(start, min(start + BLOCK, of.count)):
            if entry(&of, at) == 0:
                return True
    return False


def zeros(c_array.array column not None):
    """See the plain twin."""
    cdef Py_ssize_t start, at, count = len(column), used = 0
    cdef View of
    cdef c_array.array found
    if not has_zero(column):
        return array("I")
    found = new_column("I", count)
    for start in range(0, count, BLOCK):
        if start:
            give_way()
        look(column, &of)
        for at in range(start, min(start + BLOCK, count, of.count)):
            if entry(&of, at) == 0:
                found.data.as_uints[used] = <uint32_t>at
                used += 1
    c_array.resize(found, used)
    return found


def differing(c_array.array one not None, c_array.array other not None, Py_ssize_t count):
    """See the plain twin."""
    cdef Py_ssize_t start, at, used = 0
    cdef View first, second
    cdef c_array.array found = array("I")
    for start in range(0, count, BLOCK):
        if start:
            give_way()
        look(one, &first)
        look(other, &second)
        for at in range(start, min(start + BLOCK, count, first.count, second.count)):
            if entry(&first, at) != entry(&second, at):
                if used == len(found):
                    c_array.resize(found, 2 * used + 16)
                found.data.as_uints[used] = <uint32_t>at
                used += 1
    c_array.resize(found, used)
    return found
