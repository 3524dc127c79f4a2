# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True
#   The table is indexed by an exponent that was compared with its ends.
"""Decimal numbers to floats: correctly rounded, and without the GIL for all but a few.

    decimal = [ sign ] ( digits [ "." [ digits ] ] | "." digits ) [ ( "e" | "E" ) [ sign ] digits ]

Up to 19 significant digits make a 64-bit number w, and the value is w * 10**q. Where w is below
2**53 and 10**q is a float, one multiplication or division is exact (Clinger). Else w is multiplied
with the first 128 bits of 5**q; the product decides on the rounding for all but very few numbers
(Eisel and Lemire, "Number parsing at a gigabyte per second", 2021). Those few, subnormal ones, and
numbers of more digits are left to Python's float().
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <stdint.h>

    static inline uint64_t wide_product(uint64_t a, uint64_t b, uint64_t *high) {
        unsigned __int128 product = (unsigned __int128)a * b;
        *high = (uint64_t)(product >> 64);
        return (uint64_t)product;
    }

    static inline int leading_zeros(uint64_t bits) { return __builtin_clzll(bits); }
    """
    uint64_t wide_product(uint64_t a, uint64_t b, uint64_t* high) nogil
    int leading_zeros(uint64_t bits) nogil

cdef enum:
    LEAST_POWER = -342
    LARGEST_POWER = 308
    MOST_DIGITS = 19
    MANTISSA_BITS = 52
    # What may be added up of an exponent without an overflow; far beyond all floats.
    LONG_EXPONENT = 100_000

cdef double[23] _TENS
cdef uint64_t[LARGEST_POWER - LEAST_POWER + 1] _FIVES_HIGH
cdef uint64_t[LARGEST_POWER - LEAST_POWER + 1] _FIVES_LOW


def _first_128_bits(power):
    """Return 5**power, with its highest bit at bit 127: cut off, or above 0 where it is a part."""
    if power >= 0:
        five = 5**power
        shift = 128 - five.bit_length()
        return five << shift if shift >= 0 else five >> -shift
    five = 5**-power
    return (1 << (five.bit_length() + 127)) // five + 1


cdef int _fill_tables() except -1:
    cdef int index
    for index in range(23):
        _TENS[index] = float(10**index)
    for index in range(LARGEST_POWER - LEAST_POWER + 1):
        bits = _first_128_bits(index + LEAST_POWER)
        _FIVES_HIGH[index] = bits >> 64
        _FIVES_LOW[index] = bits & 0xFFFFFFFFFFFFFFFF
    return 0


_fill_tables()


cdef double _as_python_reads(const char* start, const char* end) noexcept with gil:
    return float(start[: end - start])


# Return the bits of w * 10**q, w not 0, or 0 where that is not sure or is no normal float.
cdef uint64_t _rounded(uint64_t w, int64_t q) noexcept nogil:
    cdef uint64_t low, high, more, mantissa
    cdef int64_t exponent
    cdef int zeros, upper, shift
    if q < LEAST_POWER or q > LARGEST_POWER:
        return 0
    zeros = leading_zeros(w)
    w <<= zeros
    low = wide_product(w, _FIVES_HIGH[q - LEAST_POWER], &high)
    if (high & 0x1FF) == 0x1FF:
        wide_product(w, _FIVES_LOW[q - LEAST_POWER], &more)
        low += more
        if low < more:
            high += 1
        if low == <uint64_t>0xFFFFFFFFFFFFFFFF and (q < -27 or q > 55):
            return 0
    upper = <int>(high >> 63)
    shift = upper + 64 - MANTISSA_BITS - 3
    mantissa = high >> shift
    exponent = ((217706 * q) >> 16) + 63 + upper - zeros + 1023
    if exponent <= 0:
        return 0
    # Halfway between two floats: the even one.
    if low <= 1 and -4 <= q <= 23 and (mantissa & 3) == 1 and (mantissa << shift) == high:
        mantissa &= ~<uint64_t>1
    mantissa = (mantissa + (mantissa & 1)) >> 1
    if mantissa >= <uint64_t>1 << (MANTISSA_BITS + 1):
        mantissa = <uint64_t>1 << MANTISSA_BITS
        exponent += 1
    if exponent >= 0x7FF:
        return 0
    return (<uint64_t>exponent << MANTISSA_BITS) | (mantissa & ~(<uint64_t>1 << MANTISSA_BITS))


cdef const char* read_decimal(const char* at, double* value) noexcept nogil:
    cdef const char* start = at
    cdef const char* digits
    cdef uint64_t w = 0, bits
    cdef int64_t q = 0, exponent = 0
    cdef int count
    cdef bint negative = at[0] == c"-", exponent_negative = False
    if at[0] == c"-" or at[0] == c"+":
        at += 1
    digits = at
    # Wrapping is harmless: a number of more digits is read anew below.
    while c"0" <= at[0] <= c"9":
        w = 10 * w + <uint64_t>(at[0] - c"0")
        at += 1
    count = <int>(at - digits)
    if at[0] == c".":
        at += 1
        while c"0" <= at[0] <= c"9":
            w = 10 * w + <uint64_t>(at[0] - c"0")
            at += 1
            q -= 1
        count -= <int>q
    if count == 0:
        return NULL
    if at[0] == c"e" or at[0] == c"E":
        at += 1
        exponent_negative = at[0] == c"-"
        if at[0] == c"-" or at[0] == c"+":
            at += 1
        if not c"0" <= at[0] <= c"9":
            return NULL
        while c"0" <= at[0] <= c"9":
            if exponent < LONG_EXPONENT:
                exponent = 10 * exponent + (at[0] - c"0")
            at += 1
        q += -exponent if exponent_negative else exponent
    if count > MOST_DIGITS:
        while digits[0] == c"0" or digits[0] == c".":
            count -= digits[0] == c"0"
            digits += 1
    if count <= MOST_DIGITS:
        if w < <uint64_t>1 << 53 and -22 <= q <= 22:
            value[0] = <double>w / _TENS[-q] if q < 0 else <double>w * _TENS[q]
            if negative:
                value[0] = -value[0]
            return at
        bits = 0 if w == 0 else _rounded(w, q)
        if bits != 0:
            bits |= <uint64_t>negative << 63
            memcpy(value, &bits, sizeof(bits))
            return at
    value[0] = _as_python_reads(start, at)
    return at if value[0] - value[0] == 0 else NULL


def parse_decimal(bytes text):
    """Return the value of a decimal number, None for what is none or beyond all floats."""
    cdef double value = 0
    cdef bytes terminated = text + b"\n"
    cdef const char* start = terminated
    cdef const char* end = read_decimal(start, &value)
    return value if end == start + len(text) else None
