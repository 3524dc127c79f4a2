# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Each stretch is checked against the column before it is walked.
"""The compiled twin of `_timestamps_py`, which says what this function does."""

from libc.stdint cimport int64_t


def advance(last_ms, rows, int64_t before_ms, int64_t t_ms):
    cdef int64_t[::1] column = last_ms
    cdef Py_ssize_t start, end, row, known = column.shape[0]
    for start, end in rows:
        if start < 0 or end > known:
            raise IndexError(f"rows {start} to {end} of {known}")
        for row in range(start, end):
            if column[row] != before_ms:
                return False
    for start, end in rows:
        for row in range(start, end):
            column[row] = t_ms
    return True
