# cython: language_level=3
# cython: boundscheck=False, wraparound=False
"""From a plain series text to the label set of the series, without a Python object a label.

A series that a target exposes for the first time costs most of all that is ever done for it, and
a large target brings a million of them at once. Nearly all have a plain text: its names, values
and the target's own labels are merged here where they lie, straight into the wire of `Labels`.
What this cannot do in the common way it leaves to the rules of the scrape, and returns None.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp, memcpy

from promscrape.exposition.number import canonical_float_text

cdef enum:
    MOST_LABELS = 64
    MOST_ONE_BYTE = 0x7F
    MOST_NUMBERS = 10_000
    EXPORTED_SIZE = 9
    METRIC_NAME_SIZE = 8

cdef const char* EXPORTED = b"exported_"
cdef const char* METRIC_NAME = b"__name__"

# The bounds of histograms in their one form: a few hundred, in a hundred thousand series.
cdef dict _numbers = {}


cdef class AddedLabels:
    """The labels that a target gives each of its series, as pairs of bytes, none of them empty.

    honors: whether a label that the target exposes wins over the one of that name here.
    """

    def __init__(self, pairs, *, bint honors):
        self._texts = [text for pair in pairs for text in pair]
        self._count = len(self._texts) // 2
        self._honors = honors

    cdef object wire(self, const char* text, Py_ssize_t size, object numeric):
        cdef Label labels[MOST_LABELS]
        cdef Py_ssize_t count
        # Keeps the bytes of a number alive that a label points to.
        cdef list held = []
        count = exposed_labels(text, size, numeric, held, labels)
        if count < 0 or count + self._count > MOST_LABELS:
            return None
        count = self._merge(labels, count)
        if count < 0 or not sort(labels, count):
            return None
        return encoded(labels, count)

    # Put the labels of the target to those of the text, and return their number. What is
    # empty goes.
    cdef Py_ssize_t _merge(self, Label* labels, Py_ssize_t exposed) except? -2:
        cdef Py_ssize_t at, own, count = exposed, kept = 0
        cdef Label* added
        cdef bint is_taken
        for own in range(self._count):
            added = &labels[count]
            name, value = <bytes>self._texts[2 * own], <bytes>self._texts[2 * own + 1]
            added.name, added.name_size = PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)
            added.value, added.value_size = PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)
            added.exported = is_taken = False
            for at in range(exposed):
                if compare(&labels[at], added) == 0:
                    is_taken = True
                    labels[at].exported = not self._honors
                    break
            if not is_taken or not self._honors:
                count += 1
        for at in range(count):
            if labels[at].value_size:
                labels[kept] = labels[at]
                kept += 1
        return kept


# Find the labels of a plain text, the name of the metric first, and return their number; below
# zero where they are too many.
cdef Py_ssize_t exposed_labels(
    const char* at, Py_ssize_t size, object numeric, list held, Label* labels
) except? -2:
    cdef const char* end = at + size
    cdef const char* numeric_name = NULL
    cdef Py_ssize_t numeric_size = 0, count = 1
    cdef Label* label = labels
    cdef const char* brace = <const char*>memchr(at, c"{", size)
    if numeric is not None:
        numeric_name, numeric_size = PyBytes_AS_STRING(numeric), PyBytes_GET_SIZE(numeric)
    label.name, label.name_size, label.exported = METRIC_NAME, METRIC_NAME_SIZE, False
    label.value, label.value_size = at, (end if brace == NULL else brace) - at
    if brace == NULL:
        return count
    at = brace + 1
    while at < end - 1:
        if count == MOST_LABELS:
            return -1
        label = &labels[count]
        label.name, label.exported = at, False
        at = <const char*>memchr(at, c"=", end - at)
        label.name_size = at - label.name
        label.value = at + 2
        at = <const char*>memchr(label.value, c'"', end - label.value)
        label.value_size = at - label.value
        if label.name_size == numeric_size and memcmp(label.name, numeric_name, numeric_size) == 0:
            number = canonical(label.value, label.value_size)
            held.append(number)
            label.value, label.value_size = PyBytes_AS_STRING(number), PyBytes_GET_SIZE(number)
        count += 1
        # Over the quote, and a comma or the brace.
        at += 2
    return count


# Return a number in its one form.
cdef bytes canonical(const char* text, Py_ssize_t size):
    cdef bytes raw = PyBytes_FromStringAndSize(text, size)
    found = _numbers.get(raw)
    if found is None:
        found = canonical_float_text(raw.decode()).encode()
        if len(_numbers) < MOST_NUMBERS:
            _numbers[raw] = found
    return found


# Compare two names as `memcmp` does, with the prefix of those that are exported.
cdef int compare(const Label* one, const Label* other) noexcept nogil:
    cdef const char* a = one.name
    cdef const char* b = other.name
    cdef Py_ssize_t a_size = one.name_size, b_size = other.name_size, prefix = EXPORTED_SIZE, common
    cdef int order
    if one.exported != other.exported:
        if one.exported:
            return -compare(other, one)
        # The other one has the prefix, this one does not.
        common = a_size if a_size < prefix else prefix
        order = memcmp(a, EXPORTED, common)
        if order:
            return order
        if a_size <= prefix:
            return -1
        a += prefix
        a_size -= prefix
    common = a_size if a_size < b_size else b_size
    order = memcmp(a, b, common)
    if order:
        return order
    return (a_size > b_size) - (a_size < b_size)


# Sort by name; returns whether no name stands twice.
cdef bint sort(Label* labels, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t at, place
    cdef int order = 0
    cdef Label moved
    for at in range(1, count):
        moved = labels[at]
        place = at
        while place:
            order = compare(&labels[place - 1], &moved)
            if order <= 0:
                break
            labels[place] = labels[place - 1]
            place -= 1
        if place and order == 0:
            return False
        labels[place] = moved
    return True


cdef inline Py_ssize_t size_bytes(Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t count = 1
    while size > MOST_ONE_BYTE:
        size >>= 7
        count += 1
    return count


cdef inline char* put_size(char* at, Py_ssize_t size) noexcept nogil:
    while size > MOST_ONE_BYTE:
        at[0] = <char>(<uint8_t>(size & 0x7F) | 0x80)
        at += 1
        size >>= 7
    at[0] = <char>size
    return at + 1


cdef bytes encoded(const Label* labels, Py_ssize_t count):
    cdef Py_ssize_t at, name_size, size = size_bytes(count)
    cdef bytes wire
    cdef char* put
    for at in range(count):
        name_size = labels[at].name_size + (EXPORTED_SIZE if labels[at].exported else 0)
        size += size_bytes(name_size) + name_size
        size += size_bytes(labels[at].value_size) + labels[at].value_size
    wire = PyBytes_FromStringAndSize(NULL, size)
    put = put_size(PyBytes_AS_STRING(wire), count)
    for at in range(count):
        name_size = labels[at].name_size + (EXPORTED_SIZE if labels[at].exported else 0)
        put = put_size(put, name_size)
        if labels[at].exported:
            memcpy(put, EXPORTED, EXPORTED_SIZE)
            put += EXPORTED_SIZE
        memcpy(put, labels[at].name, labels[at].name_size)
        put = put_size(put + labels[at].name_size, labels[at].value_size)
        memcpy(put, labels[at].value, labels[at].value_size)
        put += labels[at].value_size
    return wire
