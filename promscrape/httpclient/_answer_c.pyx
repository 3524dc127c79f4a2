# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   The head ends with an empty line that the search has found: what no text may hold stops each
#   loop over it. Loops over a body look where the piece ends.
"""The compiled twin of `_answer_py`, which says what it does.

It is a little long, since the reader is one class whose steps call each other byte by byte.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from promscrape.httpclient.answer_error import BodyTooLarge, UnusualAnswer
from promscrape.httpclient.answer_error import HEAD_BYTES as _HEAD_BYTES

cdef extern from *:
    """
    /* Whether a token of any case is this word, which is in lower case. */
    static inline int is_word(const uint8_t *text, const char *word, Py_ssize_t size) {
        for (Py_ssize_t at = 0; at < size; at++)
            if ((text[at] | 0x20) != (uint8_t)word[at])
                return 0;
        return 1;
    }
    """
    bint is_word(const uint8_t *text, const char *word, Py_ssize_t size) nogil

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    object PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)

cdef enum:
    OK = 200
    NO_CONTENT = 204
    NOT_MODIFIED = 304
    LENGTH_DIGITS = 18
    CHUNK_DIGITS = 15
    KNOWN_TEXTS = 16
    UNLOCKED_BYTES = 1024 * 1024
    LONGEST_KNOWN = 128
    IN_TEXT = 1
    IN_TOKEN = 2
    # The fields that are looked at; the first ones may be there only once.
    LENGTH = 0
    CODING = 1
    CONNECTION = 2
    LAST_SINGLE = CONNECTION
    TYPE = 3
    ENCODING = 4
    LOCATION = 5
    FIELDS = 6

cdef Py_ssize_t HEAD_BYTES = _HEAD_BYTES
cdef uint8_t[256] KINDS
cdef list _known = [""] * KNOWN_TEXTS

cdef struct Piece:
    const char *at
    Py_ssize_t size


# A value of the head, without the spaces around it.
cdef struct Value:
    const uint8_t *at
    Py_ssize_t size
    bint is_there


cdef int fill_kinds() except -1:
    cdef int byte
    for byte in range(256):
        KINDS[byte] = IN_TEXT if byte == 9 or (byte >= 32 and byte != 127) else 0
    for byte in (
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
    ):
        KINDS[byte] |= IN_TOKEN
    return 0


fill_kinds()


cdef class AnswerReader:
    cdef readonly int status
    cdef readonly bint keeps_alive
    cdef readonly str reason, content_type, encoding, location
    cdef readonly bytes head
    cdef bint _chunked
    cdef int64_t _most, _drained, _size, _left
    cdef bytes _rest, _first
    cdef list _more

    def __init__(self, int64_t most, int64_t drained=0):
        self._most, self._drained = most, drained
        self.reason = self.content_type = self.encoding = self.location = ""
        self.head = self._rest = b""

    @property
    def has_begun(self):
        return self.status != 0 or PyBytes_GET_SIZE(self._rest) != 0

    @property
    def size(self):
        if self._more is not None:
            return sum(map(len, self._more))
        return 0 if self._first is None else PyBytes_GET_SIZE(self._first)

    @property
    def body(self):
        if self._more is not None:
            # What came is not kept twice, and is let go in the thread that asks.
            self._first, self._more = joined(self._more), None
        return b"" if self._first is None else self._first

    def feed(self, bytes data not None):
        cdef Py_ssize_t end = 0
        cdef Py_ssize_t size
        if not self.status:
            if PyBytes_GET_SIZE(self._rest):
                data = self._rest + data
            end = head_end(data)
            if end < 0:
                self._rest = data
                return False
            self._rest = b""
            self._read_head(<const uint8_t *> PyBytes_AS_STRING(data), end)
            if self._drained:
                self.head = data[:end]
            if self.status == NO_CONTENT or self.status == NOT_MODIFIED or (
                self.status != OK and not self._drained
            ):
                if self._chunked or PyBytes_GET_SIZE(data) - end != self._left:
                    self.keeps_alive = False
                return True
        if not self._chunked:
            size = PyBytes_GET_SIZE(data) - end
            if size > self._left:
                size = self._left
                self.keeps_alive = False
            self._left -= size
            return self._keep(data, end, size) or self._left == 0
        if PyBytes_GET_SIZE(self._rest):
            data = self._rest + data
            self._rest = b""
        return self._take_chunks(data, end)

    cdef int _read_head(self, const uint8_t *text, Py_ssize_t size) except -1:
        """Read a head of this size, the empty line at its end included."""
        cdef Py_ssize_t stop = size - 4
        cdef Py_ssize_t at = 12
        cdef Py_ssize_t name, name_size, value
        cdef int which
        cdef Value reason
        cdef Value[FIELDS] fields
        for which in range(FIELDS):
            fields[which].is_there = False
        if (
            stop < 12
            or memcmp(text, b"HTTP/1.", 7) != 0
            or (text[7] != c"0" and text[7] != c"1")
            or text[8] != c" "
            or text[9] < c"2"
            or text[9] > c"9"
            or not is_digit(text[10])
            or not is_digit(text[11])
        ):
            raise UnusualAnswer
        if text[12] == c" ":
            at = 13
            while KINDS[text[at]] & IN_TEXT:
                at += 1
            reason.at, reason.size, reason.is_there = text + 13, at - 13, True
            self.reason = text_of(&reason)
        while at < stop:
            if text[at] != c"\r" or text[at + 1] != c"\n":
                raise UnusualAnswer
            name = at + 2
            at = name
            while KINDS[text[at]] & IN_TOKEN:
                at += 1
            name_size = at - name
            if not name_size or text[at] != c":":
                raise UnusualAnswer
            at += 1
            value = at
            while KINDS[text[at]] & IN_TEXT:
                at += 1
            which = field_of(text + name, name_size)
            if which < 0:
                continue
            if not fields[which].is_there:
                set_value(&fields[which], text + value, at - value)
            elif which <= LAST_SINGLE:
                raise UnusualAnswer
        self.status = (
            (text[9] - c"0") * 100 + (text[10] - c"0") * 10 + (text[11] - c"0")
        )
        self._frame(&fields[LENGTH], &fields[CODING], &fields[CONNECTION], text[7] == c"1")
        self.content_type = text_of(&fields[TYPE])
        self.encoding = text_of(&fields[ENCODING])
        self.location = text_of(&fields[LOCATION])
        return 0

    cdef int _frame(
        self, Value *length, Value *coding, Value *connection, bint is_http_1_1
    ) except -1:
        cdef Py_ssize_t at
        self.keeps_alive = is_http_1_1
        if connection.is_there and connection.size:
            if connection.size == 5 and is_word(connection.at, b"close", 5):
                self.keeps_alive = False
            elif connection.size != 10 or not is_word(connection.at, b"keep-alive", 10):
                raise UnusualAnswer
        if coding.is_there:
            if (
                coding.size != 7
                or not is_word(coding.at, b"chunked", 7)
                or length.is_there
                or not is_http_1_1
            ):
                raise UnusualAnswer
            self._chunked = True
        elif length.is_there:
            if not length.size or length.size > LENGTH_DIGITS:
                raise UnusualAnswer
            for at in range(length.size):
                if not is_digit(length.at[at]):
                    raise UnusualAnswer
                self._left = self._left * 10 + (length.at[at] - c"0")
        elif self.status != NO_CONTENT and self.status != NOT_MODIFIED:
            raise UnusualAnswer
        if self.status == OK and self._left > self._most and not self._drained:
            raise BodyTooLarge
        return 0

    cdef bint _keep(self, bytes data, Py_ssize_t at, Py_ssize_t size) except -1:
        cdef Py_ssize_t kept = size
        cdef bytes part
        if self._drained:
            if self._size >= self._most:
                kept = 0
            elif kept > self._most - self._size:
                kept = self._most - self._size
            self._size += size
        if kept:
            part = data
            if kept != PyBytes_GET_SIZE(data):
                part = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + at, kept)
            if self._first is None:
                self._first = part
            elif self._more is None:
                self._more = [self._first, part]
            else:
                self._more.append(part)
        if not self._drained or self._size <= self._drained:
            return False
        self.keeps_alive = False
        return True

    cdef bint _take_chunks(self, bytes data, Py_ssize_t at) except -1:
        cdef const uint8_t *text = <const uint8_t *> PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t body_end, end, digits
        cdef int64_t length
        cdef bint is_given_up
        while at < size:
            if self._left:
                end = at + self._left if self._left < size - at else size
                body_end = at
                if self._left > 2:
                    body_end = at + self._left - 2 if self._left - 2 < end - at else end
                is_given_up = self._keep(data, at, body_end - at)
                self._left -= body_end - at
                while body_end < end:
                    if text[body_end] != (c"\r" if self._left == 2 else c"\n"):
                        raise UnusualAnswer
                    self._left -= 1
                    body_end += 1
                if is_given_up:
                    return True
                at = end
                continue
            digits, length = 0, 0
            while at + digits < size and digits < CHUNK_DIGITS and hex_of(text[at + digits]) >= 0:
                length = length * 16 + hex_of(text[at + digits])
                digits += 1
            end = at + digits
            if end == size or (end + 1 == size and text[end] == c"\r"):
                self._rest = data[at:]
                return False
            if not digits or text[end] != c"\r" or text[end + 1] != c"\n":
                raise UnusualAnswer
            end += 2
            if not length:
                return self._take_last_chunk(data, at, end)
            if not self._drained:
                self._size += length
                if self._size > self._most:
                    raise BodyTooLarge
            self._left = length + 2
            at = end
        return False

    cdef bint _take_last_chunk(self, bytes data, Py_ssize_t at, Py_ssize_t end) except -1:
        cdef const uint8_t *text = <const uint8_t *> PyBytes_AS_STRING(data)
        cdef Py_ssize_t after = PyBytes_GET_SIZE(data) - end
        if (after and text[end] != c"\r") or (after > 1 and text[end + 1] != c"\n"):
            raise UnusualAnswer
        if after >= 2:
            if after > 2:
                self.keeps_alive = False
            return True
        self._rest = data[at:]
        return False


cdef bytes joined(list parts):
    """Return the parts as one, without the interpreter's lock where there is much to copy."""
    cdef Py_ssize_t size = 0, at = 0, number, count = len(parts)
    cdef bytes part, whole
    cdef char *text
    cdef Piece *pieces
    for part in parts:
        size += PyBytes_GET_SIZE(part)
    if size < UNLOCKED_BYTES:
        return b"".join(parts)
    whole = PyBytes_FromStringAndSize(NULL, size)
    text = PyBytes_AS_STRING(whole)
    pieces = <Piece *> malloc(count * sizeof(Piece))
    if pieces == NULL:
        raise MemoryError
    for number in range(count):
        part = parts[number]
        pieces[number].at, pieces[number].size = PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part)
    with nogil:
        for number in range(count):
            memcpy(text + at, pieces[number].at, pieces[number].size)
            at += pieces[number].size
        free(pieces)
    return whole


cdef Py_ssize_t head_end(bytes data) except -2:
    """Return where the head ends, -1 where more of it is to come."""
    cdef const char *text = PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t reach = size if size < HEAD_BYTES else HEAD_BYTES
    cdef const char *found = text
    while True:
        # Looked for is the last byte of the empty line, so that few are looked at twice.
        found = <const char *> memchr(found, c"\n", text + reach - found)
        if found == NULL:
            break
        found += 1
        if found - text >= 4 and memcmp(found - 4, b"\r\n\r\n", 4) == 0:
            return found - text
    if size >= HEAD_BYTES or memcmp(text, b"HTTP/1.", size if size < 7 else 7) != 0:
        raise UnusualAnswer
    return -1


cdef int field_of(const uint8_t *name, Py_ssize_t size) noexcept:
    """Return which field has this name, -1 for those that do not matter."""
    if size == 14:
        return LENGTH if is_word(name, b"content-length", 14) else -1
    if size == 12:
        return TYPE if is_word(name, b"content-type", 12) else -1
    if size == 16:
        return ENCODING if is_word(name, b"content-encoding", 16) else -1
    if size == 17:
        return CODING if is_word(name, b"transfer-encoding", 17) else -1
    if size == 10:
        return CONNECTION if is_word(name, b"connection", 10) else -1
    if size == 8:
        return LOCATION if is_word(name, b"location", 8) else -1
    return -1


cdef inline bint is_digit(uint8_t byte) noexcept:
    return c"0" <= byte <= c"9"


cdef inline int hex_of(uint8_t byte) noexcept:
    if c"0" <= byte <= c"9":
        return byte - c"0"
    if c"a" <= (byte | 0x20) <= c"f":
        return (byte | 0x20) - c"a" + 10
    return -1


cdef inline void set_value(Value *value, const uint8_t *text, Py_ssize_t size) noexcept:
    while size and (text[0] == c" " or text[0] == c"\t"):
        text += 1
        size -= 1
    while size and (text[size - 1] == c" " or text[size - 1] == c"\t"):
        size -= 1
    value.at, value.size, value.is_there = text, size, True


cdef str text_of(const Value *value):
    """Return the text, as the same object as before where it was the last one of its slot."""
    cdef Py_ssize_t size = value.size
    cdef Py_ssize_t known_size = 0
    cdef const char *known
    if not value.is_there or not size:
        return ""
    cdef int slot = (size ^ value.at[size - 1]) % KNOWN_TEXTS
    cdef str last = _known[slot]
    # Only what has no surrogates is there.
    known = PyUnicode_AsUTF8AndSize(last, &known_size)
    if known_size == size and memcmp(known, value.at, size) == 0:
        return last
    decoded = PyUnicode_DecodeUTF8(<const char *> value.at, size, b"surrogateescape")
    if size <= LONGEST_KNOWN and decoded.isascii():
        _known[slot] = decoded
    return decoded
