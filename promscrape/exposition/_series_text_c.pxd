# A label where it lies; the name of an exported one has the prefix besides.
cdef struct Label:
    const char* name
    Py_ssize_t name_size
    const char* value
    Py_ssize_t value_size
    bint exported


cdef class AddedLabels:
    cdef list _texts
    cdef Py_ssize_t _count
    cdef bint _honors
    # Return the wire of the series with this plain text, None where the rules have to work it out.
    #
    # numeric: the name of the label whose value is a number in its one form, None for none.
    cdef object wire(self, const char* text, Py_ssize_t size, object numeric)
    cdef Py_ssize_t _merge(self, Label* labels, Py_ssize_t exposed) except? -2
