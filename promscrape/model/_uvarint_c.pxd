# Numbers of seven bits a byte, the lowest first, as the log, messages and label sets have them: what
# the compiled twins call for each of them, so that it is inline in all of them.
from libc.stdint cimport uint8_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>

    static inline int size_of_uvarint(uint64_t number) {
        return (63 - __builtin_clzll(number | 1)) / 7 + 1;
    }
    """
    int size_of_uvarint(uint64_t number) nogil


# Write a number and return the place behind it. Room for ten bytes is the caller's.
cdef inline uint8_t* put_uvarint(uint8_t* at, uint64_t number) noexcept nogil:
    while number >= 0x80:
        at[0] = <uint8_t>(number | 0x80)
        number >>= 7
        at += 1
    at[0] = <uint8_t>number
    return at + 1


# Read a number of at most 64 bits before `end` and return the place behind it, NULL where there is
# none.
cdef inline const uint8_t* get_uvarint(
    const uint8_t* at, const uint8_t* end, uint64_t* number
) noexcept nogil:
    cdef uint64_t found = 0
    cdef int shift = 0
    while at < end and shift < 70:
        if shift == 63 and at[0] > 1:
            return NULL
        found |= <uint64_t>(at[0] & 0x7F) << shift
        if at[0] < 0x80:
            number[0] = found
            return at + 1
        at += 1
        shift += 7
    return NULL
