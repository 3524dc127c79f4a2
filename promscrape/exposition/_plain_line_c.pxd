from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from promscrape.exposition._decimal_c cimport read_decimal

cdef extern from *:
    """
    #include <stdint.h>

    /* The name and label characters of both text formats, by byte. */
    enum { STARTS_NAME = 1, IN_NAME = 2, STARTS_LABEL = 4, IN_LABEL = 8, IS_DIGIT = 16 };
    enum { IS_LETTER = STARTS_NAME | IN_NAME | STARTS_LABEL | IN_LABEL };

    static const uint8_t byte_class[256] = {
        ['a' ... 'z'] = IS_LETTER,
        ['A' ... 'Z'] = IS_LETTER,
        ['_'] = IS_LETTER,
        [':'] = STARTS_NAME | IN_NAME,
        ['0' ... '9'] = IN_NAME | IN_LABEL | IS_DIGIT,
    };

    #define NO_TIMESTAMP INT64_MIN
    static const uint64_t NAN_BITS = 0x7FF8000000000001u;
    static const uint64_t POSITIVE_INFINITY = 0x7FF0000000000000u;
    static const uint64_t NEGATIVE_INFINITY = 0xFFF0000000000000u;
    """
    enum:
        STARTS_NAME, IN_NAME, STARTS_LABEL, IN_LABEL, IS_DIGIT
    const uint8_t byte_class[256]
    const int64_t NO_TIMESTAMP
    const uint64_t NAN_BITS, POSITIVE_INFINITY, NEGATIVE_INFINITY

cdef enum:
    # The digits of a timestamp that surely fits.
    MOST_TIME_DIGITS = 18

# A plain sample line: its parts, as places in the body.
cdef struct PlainLine:
    const char* name_end
    const char* labels_end  # behind the closing brace; the end of the name where there is none
    const char* value

# Find the parts of a plain line at `at` and return whether it is one; its value is not looked at.
cdef bint split_plain(const char* at, PlainLine* line) noexcept nogil

# Return the label pairs of a plain line at `at`, `numeric` in its one form.
cdef tuple plain_pairs(const char* at, PlainLine* line, object numeric)


# Read the value at `at` and a timestamp behind it, up to the end of the line, and return the place
# behind that. NULL where the line parser has to: for all that is not of the most common forms.
cdef inline const char* read_value(
    const char* at, bint with_time, double* value, int64_t* t_ms
) noexcept nogil:
    cdef const char* digits
    cdef int64_t time = 0
    cdef const char* end
    t_ms[0] = NO_TIMESTAMP
    end = read_decimal(at, value)
    if end == NULL:
        if at[0] == c"N" and at[1] == c"a" and at[2] == c"N" and at[3] == c"\n":
            memcpy(value, &NAN_BITS, 8)
            return at + 4
        if at[1] == c"I" and at[2] == c"n" and at[3] == c"f" and at[4] == c"\n":
            if at[0] == c"+":
                memcpy(value, &POSITIVE_INFINITY, 8)
                return at + 5
            if at[0] == c"-":
                memcpy(value, &NEGATIVE_INFINITY, 8)
                return at + 5
        return NULL
    if end[0] == c"\n":
        return end + 1
    if end[0] != c" " or not with_time:
        return NULL
    digits = end + 1
    end = digits
    while byte_class[<uint8_t>end[0]] & IS_DIGIT:
        if end - digits < MOST_TIME_DIGITS:
            time = 10 * time + (end[0] - c"0")
        end += 1
    if end == digits or end - digits > MOST_TIME_DIGITS or end[0] != c"\n":
        return NULL
    t_ms[0] = time
    return end + 1
