# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Rows are checked where they come in.
"""The compiled twin of `_label_columns_py`, which says what these do.

As in the store itself, no call lets other threads run, or makes an object that the search for
reference cycles knows, while it goes by what lies there.
"""

from array import array

from cpython cimport array as c_array
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from promscrape.model._label_store_c cimport LabelStore

cdef object _ROWS = array("I")


def keep_all(LabelStore store not None, wires):
    """See the plain twin."""
    cdef c_array.array rows = c_array.clone(_ROWS, len(wires), zero=True)
    cdef Py_ssize_t at
    try:
        for at in range(len(wires)):
            rows.data.as_uints[at] = store.keep(wires[at])
    except BaseException:
        store.let_go_all(rows)
        raise
    return rows


def hold_all(LabelStore store not None, c_array.array rows not None):
    """See the plain twin."""
    cdef Py_ssize_t at, count = len(rows)
    for at in range(count):
        store._check(rows.data.as_uints[at])
    for at in range(count):
        store._hold(rows.data.as_uints[at])


def repeats_any_name(LabelStore store not None, c_array.array rows not None):
    """See the plain twin."""
    cdef Py_ssize_t at
    cdef bint repeats = False
    for at in range(len(rows)):
        repeats |= store._repeats_name(rows.data.as_uints[at])
    return repeats


def values_of(LabelStore store not None, c_array.array rows not None, bytes name not None):
    """See the plain twin."""
    cdef c_array.array found = c_array.clone(_ROWS, len(rows), zero=True)
    cdef uint32_t wanted = store.find_text(name)
    cdef const uint32_t* symbols
    cdef size_t count, place
    cdef Py_ssize_t at
    for at in range(len(rows)):
        symbols = store.labels_of(rows.data.as_uints[at], &count)
        for place in range(0, count, 2):
            if wanted and symbols[place] == wanted:
                found.data.as_uints[at] = symbols[place + 1]
                break
    return found


def keep_with(LabelStore store not None, c_array.array rows not None, added):
    """See the plain twin."""
    cdef Py_ssize_t at, count = len(rows)
    cdef c_array.array found = c_array.clone(_ROWS, count, zero=True)
    cdef c_array.array symbols = array("I")
    for at in range(count):
        store._check(rows.data.as_uints[at])
    try:
        for pair in added:
            for text in pair:
                symbols.append(store.keep_text(text))
        for at in range(count):
            found.data.as_uints[at] = _keep_with(store, rows.data.as_uints[at], symbols)
    except BaseException:
        store.let_go_all(found)
        raise
    finally:
        for at in range(len(symbols)):
            store.let_go_text(symbols.data.as_uints[at])
    return found


cdef uint32_t _keep_with(LabelStore store, uint32_t row, c_array.array added) except? 0:
    cdef size_t count, own = 0, more = 0, used = 0, end = len(added)
    cdef const uint32_t* others = added.data.as_uints
    cdef const uint32_t* symbols = store.labels_of(row, &count)
    store._make_scratch(count + end)
    while own < count or more < end:
        if more < end and _has_name(symbols, count, others[more]):
            more += 2
        elif more == end or (own < count and _is_before(store, symbols[own], others[more])):
            memcpy(store.scratch + used, symbols + own, 2 * sizeof(uint32_t))
            own += 2
            used += 2
        else:
            memcpy(store.scratch + used, others + more, 2 * sizeof(uint32_t))
            more += 2
            used += 2
    return store._keep_scratch(used)


cdef inline bint _has_name(const uint32_t* symbols, size_t count, uint32_t name) noexcept:
    cdef size_t at
    for at in range(0, count, 2):
        if symbols[at] == name:
            return True
    return False


cdef bint _is_before(LabelStore store, uint32_t one, uint32_t other) noexcept:
    cdef size_t size, other_size
    cdef const uint8_t* text = store.text_of(one, &size)
    cdef const uint8_t* other_text = store.text_of(other, &other_size)
    cdef int order = memcmp(text, other_text, min(size, other_size))
    return order < 0 or (order == 0 and size < other_size)
