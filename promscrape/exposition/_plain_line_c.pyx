# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   A line is read in a buffer that ends with LF, which no name and no label holds.
"""A sample line in its most common form, read where it lies.

    plain line  = bare name [ "{" labels "}" ] " " number [ " " timestamp ] LF

No label has an escape or a byte beyond ASCII, and no blank stands between two of them. All other
lines are left to the line parsers of the plain twin.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint8_t
from libc.string cimport memchr

from promscrape.exposition.number import canonical_float_text
from promscrape.model.labels import METRIC_NAME
from promscrape.model.sample import NO_TIMESTAMP as PYTHON_NO_TIMESTAMP
from promscrape.model.sample import NORMAL_NAN_BITS

# A constant of C costs no load in the loops; there is one meaning of each all the same.
assert NO_TIMESTAMP == PYTHON_NO_TIMESTAMP and NAN_BITS == NORMAL_NAN_BITS


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
