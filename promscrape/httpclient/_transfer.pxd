# cython: language_level=3
"""One request that is sent, and the answer that comes, as bytes: what the thread does with a socket.

What is not plainly a whole answer is handed over as it is; the reader of answers says what it means.
"""

from libc.errno cimport EAGAIN, EINTR, ENOMEM, errno
from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport realloc
from libc.string cimport memchr, memcmp

from promscrape.httpclient._linux cimport (
    CLOCK_MONOTONIC, CLOCK_REALTIME, MSG_DONTWAIT, MSG_NOSIGNAL, recv, send, strncasecmp,
)
from promscrape.httpclient._slots cimport (
    ANSWERED, LOST, MOST_BYTES, PIECE_BYTES, Slot, now_ns,
)

cdef inline int64_t number(const char *text, const char *end) noexcept nogil:
    """Return the number of a header's value, -1 where it is none."""
    cdef int64_t value = 0
    while text < end and (text[0] == c" " or text[0] == c"\t"):
        text += 1
    if text == end or not c"0" <= text[0] <= c"9":
        return -1
    while text < end and c"0" <= text[0] <= c"9" and value <= MOST_BYTES:
        value = value * 10 + (text[0] - c"0")
        text += 1
    return value


cdef inline void read_length(Slot *slot) noexcept nogil:
    """Find how long the answer is, once its head is there; 1 where that cannot be told."""
    cdef const char *end = slot.data + slot.size
    cdef const char *line = slot.data
    cdef const char *next_line
    cdef int64_t length = -1
    cdef bint is_chunked = False
    if slot.size >= 12 and memcmp(slot.data + 8, b" 200", 4) != 0:
        slot.expected = 1  # mostly without a body that is waited for
        return
    while True:
        next_line = <const char *> memchr(line, c"\n", end - line)
        if next_line == NULL:
            # A head of this size is none.
            slot.expected = 1 if slot.size >= PIECE_BYTES else 0
            return
        next_line += 1
        if next_line - line <= 2:
            break
        if next_line - line > 15 and strncasecmp(line, b"content-length:", 15) == 0:
            length = number(line + 15, next_line)
        elif next_line - line > 18 and strncasecmp(line, b"transfer-encoding:", 18) == 0:
            is_chunked = True
        line = next_line
    if is_chunked:
        # The end of the head alone is not taken for that of the body.
        slot.expected = INT64_MAX if <const char *> end - next_line > 4 else 0
    elif length < 0 or length > MOST_BYTES:
        slot.expected = 1
    else:
        slot.expected = (next_line - slot.data) + length


cdef inline bint is_whole(Slot *slot) noexcept nogil:
    """Whether the answer is all there, or nothing that can be told here."""
    if not slot.expected:
        read_length(slot)
        if not slot.expected:
            return False
    if slot.expected == INT64_MAX:
        return memcmp(slot.data + slot.size - 4, b"\r\n\r\n", 4) == 0
    return <int64_t> slot.size >= slot.expected


cdef inline int receive(Slot *slot, bint is_ending) noexcept nogil:
    """Take what has come; return how the request went, 0 where more is to come.

    is_ending: whether the end is there already, of which nothing more will be said.
    """
    cdef size_t room
    cdef ssize_t got
    cdef char *larger
    while True:
        if slot.room - slot.size < PIECE_BYTES:
            room = max(2 * slot.room, <size_t> PIECE_BYTES)
            larger = <char *> realloc(slot.data, room)
            if larger == NULL:
                slot.error = ENOMEM
                return LOST
            slot.data, slot.room = larger, room
        room = slot.room - slot.size
        got = recv(slot.fd, slot.data + slot.size, room, MSG_DONTWAIT)
        if got < 0:
            if errno == EINTR:
                continue
            if errno == EAGAIN:
                return 0
            slot.error = errno
            return LOST
        if got == 0:
            return LOST
        slot.size += got
        if is_whole(slot) or slot.size >= MOST_BYTES:
            return ANSWERED
        if <size_t> got < room and not is_ending:
            return 0


cdef inline int ask(Slot *slot) noexcept nogil:
    """Send the request; return how that went, 0 where it is on its way."""
    slot.sent_ns, slot.sent_wall_ns = now_ns(CLOCK_MONOTONIC), now_ns(CLOCK_REALTIME)
    cdef ssize_t sent = send(slot.fd, slot.head, slot.head_size, MSG_DONTWAIT | MSG_NOSIGNAL)
    if sent == <ssize_t> slot.head_size:
        return 0
    # A part of a request is none: its connection is of no more use.
    slot.error = errno if sent < 0 else 0
    return LOST
