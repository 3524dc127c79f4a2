# Read the decimal number at `at` into *value and return the place behind it, NULL where there is
# none or it is beyond all floats. The number must be followed by a byte that ends it, such as LF.
cdef const char* read_decimal(const char* at, double* value) noexcept nogil
