# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Places are checked against the template's own rows before anything is written.
"""The compiled twin of `_template_py`, which says what the elements mean.

What snappy has to find out anew for each request, what of a series' labels was there before, is
found out once here, and kept as a short program a row. To write a row is to run its program:

    row      := size of the labels (2 bytes, little endian), operations until they are complete
    literal  := its size (1 to 127), bytes
    copy     := 0x80 + size - 4, rows back (1 to REACH), where in that row's labels (2 bytes)

A copy names its source by row, since how far back that is depends on the values between: one of
zero takes no room in a message. Around the labels stand a head and an item, which are written from
the values at hand, by copies too wherever that is shorter:

    0a size | labels | 12 size [09 value] 10 time
    head               item               tail

Two copies of one distance become one, so a copy mostly runs from the tail of one row through the
head of the next into its labels. A tail, and the bytes of a value before it, are put off until it
is known which row the next one begins like.
"""

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static inline uint64_t template_little_endian(uint64_t bits) {
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        return __builtin_bswap64(bits);
    #else
        return bits;
    #endif
    }

    static inline int template_size_of_uvarint(uint64_t number) {
        return (63 - __builtin_clzll(number | 1)) / 7 + 1;
    }

    /* How many bytes are alike from the first one in memory on, and from the last one back, of
       two different numbers as a message has them. */
    static inline int first_alike(uint64_t a, uint64_t b) { return __builtin_ctzll(a ^ b) / 8; }
    static inline int last_alike(uint64_t a, uint64_t b) { return __builtin_clzll(a ^ b) / 8; }

    /* How many of the first `most` bytes are alike. */
    static inline uint32_t alike(const uint8_t* a, const uint8_t* b, uint32_t most) {
        uint32_t size = 0;
        for (; size + 8 <= most; size += 8) {
            uint64_t x, y;
            memcpy(&x, a + size, 8);
            memcpy(&y, b + size, 8);
            if (x != y) {
                x = template_little_endian(x) ^ template_little_endian(y);
                return size + __builtin_ctzll(x) / 8;
            }
        }
        while (size < most && a[size] == b[size])
            size++;
        return size;
    }

    static inline uint32_t four_bytes(const uint8_t* at) {
        uint32_t four;
        memcpy(&four, at, 4);
        return four;
    }
    """
    uint64_t little_endian "template_little_endian"(uint64_t bits) nogil
    int size_of_uvarint "template_size_of_uvarint"(uint64_t number) nogil
    int first_alike(uint64_t a, uint64_t b) nogil
    int last_alike(uint64_t a, uint64_t b) nogil
    uint32_t alike(const uint8_t* a, const uint8_t* b, uint32_t most) nogil
    uint32_t four_bytes(const uint8_t* at) nogil

cdef enum:
    C_REACH = 128
    RING = 256  # a power of two above the reach and the rows beside it
    MAX_LABELS = 8000
    MAX_MESSAGE = 1 << 24
    MAX_OFFSET = 65535  # of a copy of three bytes
    NEAR = 2048  # below this offset, a copy of up to 11 bytes takes two
    MAX_NEAR = 11
    LEAST_COPY = 4
    COPY = 0x80
    MAX_COPY = COPY - 1 + LEAST_COPY
    MAX_LITERAL = 127
    # What a row has at most beside its labels: a head, an item with its value and time.
    MOST_BESIDE_LABELS = 3 + 11 + 11
    HASH_BITS = 14
    MAX_TRIES = 12
    # Of a copy from the begin, or to the end, of labels: what it may save beyond them.
    GAIN_AT_BEGIN = 8
    GAIN_AT_END = 2
    ENOUGH = 24  # who saves so much is not weighed against the next place
    VALUES = 128
    SLACK = 16

REACH = C_REACH

cdef uint64_t SPREAD = 0x9E3779B97F4A7C15


# A row of the elements being written: where in the message its labels, its item and its end are.
cdef struct Row:
    uint32_t labels
    uint32_t item
    uint32_t end


cdef struct Value:
    uint64_t bits
    uint32_t item


# What is being written. A copy waits to be joined by the next one; a literal may be added to as
# long as nothing comes after it.
cdef struct Writer:
    uint8_t* at
    uint8_t* literal
    uint32_t literal_size
    uint32_t offset
    uint32_t size


cdef inline uint8_t* put_copy(uint8_t* at, uint32_t offset, uint32_t size) noexcept nogil:
    if LEAST_COPY <= size <= MAX_NEAR and offset < NEAR:
        at[0] = <uint8_t>(1 | ((size - LEAST_COPY) << 2) | ((offset >> 8) << 5))
        at[1] = <uint8_t>offset
        return at + 2
    at[0] = <uint8_t>(2 | ((size - 1) << 2))
    at[1] = <uint8_t>offset
    at[2] = <uint8_t>(offset >> 8)
    return at + 3


cdef inline void flush(Writer* writer) noexcept nogil:
    cdef uint32_t size = writer.size
    if not size:
        return
    # No piece is shorter than a short copy may be.
    while size >= 64 + LEAST_COPY:
        writer.at = put_copy(writer.at, writer.offset, 64)
        size -= 64
    if size > 64:
        writer.at = put_copy(writer.at, writer.offset, 60)
        size -= 60
    writer.at = put_copy(writer.at, writer.offset, size)
    writer.size = 0
    writer.literal = NULL


cdef inline void copy(Writer* writer, uint32_t offset, uint32_t size) noexcept nogil:
    if writer.size and writer.offset != offset:
        flush(writer)
    writer.offset = offset
    writer.size += size


# `text` can be read for SLACK bytes, whatever its size.
cdef inline void literal(Writer* writer, const uint8_t* text, uint32_t size) noexcept nogil:
    if not size:
        return
    flush(writer)
    if writer.literal != NULL and writer.literal_size + size <= 60:
        writer.literal_size += size
        writer.literal[0] = <uint8_t>((writer.literal_size - 1) << 2)
    elif size <= 60:
        writer.literal, writer.literal_size = writer.at, size
        writer.at[0] = <uint8_t>((size - 1) << 2)
        writer.at += 1
    else:  # no literal here has more than 256 bytes
        writer.literal = NULL
        writer.at[0] = 60 << 2
        writer.at[1] = <uint8_t>(size - 1)
        writer.at += 2
    memcpy(writer.at, text, SLACK)
    if size > SLACK:
        memcpy(writer.at + SLACK, text + SLACK, size - SLACK)
    writer.at += size


# The end of a row that is not written yet: bytes up to its time, and the time.
cdef struct Tail:
    bint is_owed
    uint64_t bits
    uint32_t size  # of `text`, whose last bytes are the last ones of the value, if it has one
    uint8_t text[SLACK]
    uint32_t time_size
    uint8_t time[SLACK]


# Write the tail that is owed, before `position`, as it is at the end of a row with this value.
cdef inline void put_tail(
    Writer* writer, Tail* tail, uint32_t position, const Row* like, uint64_t bits
) noexcept nogil:
    cdef uint32_t alike = 0
    if bits and tail.bits:
        alike = 8 if bits == tail.bits else last_alike(bits, tail.bits)
        alike = min(alike, tail.size, 8)
    literal(writer, tail.text, tail.size - alike)
    copy(writer, position - like.end, alike + tail.time_size)
    tail.is_owed = False


cdef inline void put_whole_tail(Writer* writer, Tail* tail) noexcept nogil:
    literal(writer, tail.text, tail.size)
    literal(writer, tail.time, tail.time_size)
    tail.is_owed = False


cdef inline int put_uvarint(uint8_t* at, uint64_t number) noexcept nogil:
    cdef int size = 0
    while number >= 0x80:
        at[size] = <uint8_t>(number | 0x80)
        number >>= 7
        size += 1
    at[size] = <uint8_t>number
    return size + 1


# What is needed of the rows that were written, to copy from them.
cdef struct Walk:
    Row rows[RING]
    Value values[VALUES]
    uint32_t by_zeros[8]  # the last item whose value begins with so many bytes of zero
    uint32_t of_zero
    Tail tail


cdef inline uint32_t copyable(uint32_t item, uint32_t place) noexcept nogil:
    return item != 0 and place - item <= MAX_OFFSET


# Write the rest of an item whose value is not zero, of which `done` bytes are written.
cdef inline void put_value(
    Writer* writer, Walk* walk, uint32_t place, uint64_t bits, uint32_t done
) noexcept nogil:
    cdef Tail* tail = &walk.tail
    cdef Value* same = &walk.values[(bits * SPREAD) >> 57]
    cdef uint32_t zeros, at, best = 0
    cdef uint64_t raw
    cdef uint8_t item[SLACK]
    if same.bits == bits and copyable(same.item, place) and done < 9:
        copy(writer, place - same.item, 11 + tail.time_size - done)
        tail.is_owed = False
        return
    zeros = first_alike(bits, 0)
    for at in range(zeros, 8):
        best = max(best, walk.by_zeros[at])
    if 3 + zeros >= done + LEAST_COPY and copyable(best, place):
        copy(writer, place - best, 3 + zeros - done)
        done = 3 + zeros
    raw = little_endian(bits)
    item[0], item[1], item[2] = 0x12, <uint8_t>(9 + tail.time_size), 0x09
    memcpy(item + 3, &raw, 8)
    tail.is_owed, tail.bits, tail.size = True, bits, 11 - done
    memcpy(tail.text, item + done, tail.size)


# Write the rest of an item whose value is zero.
cdef inline void put_zero(
    Writer* writer, Walk* walk, uint32_t place, uint32_t done
) noexcept nogil:
    cdef Tail* tail = &walk.tail
    cdef uint8_t item[SLACK]
    if copyable(walk.of_zero, place):
        copy(writer, place - walk.of_zero, 2 + tail.time_size - done)
        tail.is_owed = False
        return
    item[0], item[1] = 0x12, <uint8_t>tail.time_size
    tail.is_owed, tail.bits, tail.size = True, 0, 2 - done
    memcpy(tail.text, item + done, tail.size)


cdef inline void note_value(Walk* walk, uint32_t item, uint64_t bits) noexcept nogil:
    cdef Value* same
    if not bits:
        walk.of_zero = item
        return
    same = &walk.values[(bits * SPREAD) >> 57]
    same.bits, same.item = bits, item
    walk.by_zeros[first_alike(bits, 0)] = item


# A row's labels and the label texts of the rows that it may copy from, while a template is made.
cdef struct Making:
    const uint8_t* text
    uint32_t* begins  # by row
    uint32_t* ends
    uint64_t* places  # in a message, at most
    uint32_t* row_of  # by byte
    uint32_t* chain  # by byte: the place before with the same hash, and 1
    uint32_t* heads  # by hash: the last place, and 1


cdef struct Match:
    int gain
    uint32_t size
    uint32_t row
    uint32_t at


cdef inline uint32_t hash_of(const uint8_t* text) noexcept nogil:
    return (four_bytes(text) * <uint32_t>0x9E3779B1) >> (32 - HASH_BITS)


# Return the copy that saves most at this place of a row's labels; none has a gain of 0.
cdef Match best_match(const Making* making, uint32_t row, uint32_t at) noexcept nogil:
    cdef Match best
    cdef const uint8_t* text = making.text
    cdef uint32_t next_place, place, other, size, most
    cdef int tries
    cdef uint64_t offset
    cdef int gain
    memset(&best, 0, sizeof(best))
    if making.ends[row] - at < LEAST_COPY:
        return best
    next_place = making.heads[hash_of(text + at)]
    for tries in range(MAX_TRIES):
        if not next_place:
            break
        place = next_place - 1
        next_place = making.chain[place]
        other = making.row_of[place]
        offset = (
            making.places[row] + (at - making.begins[row])
            - making.places[other] - (place - making.begins[other])
        )
        if row - other > C_REACH or offset > MAX_OFFSET:
            break
        if four_bytes(text + place) != four_bytes(text + at):
            continue
        most = min(making.ends[row] - at, making.ends[other] - place)
        size = alike(text + place, text + at, most)
        gain = size - (2 if size <= MAX_NEAR and offset < NEAR else 3 * ((size + 63) // 64))
        if at == making.begins[row] and place == making.begins[other]:
            gain += GAIN_AT_BEGIN
        if at + size == making.ends[row] and place + size == making.ends[other]:
            gain += GAIN_AT_END
        if gain > best.gain:
            best.gain, best.size, best.row, best.at = gain, size, other, place
    return best


cdef class Template:
    """See the plain twin."""

    cdef uint8_t* program
    cdef size_t used, room
    cdef uint32_t* begins
    cdef readonly Py_ssize_t rows
    cdef Py_ssize_t row_room
    cdef uint8_t* out
    cdef size_t out_room

    def __dealloc__(self):
        free(self.program)
        free(self.begins)
        free(self.out)

    @property
    def memory(self):
        """How many bytes it takes, about."""
        return self.room + self.row_room * sizeof(uint32_t)

    def add(self, bytes message not None, Py_ssize_t known):
        """Take over rows from a message; see the plain twin."""
        cdef Making making
        cdef size_t size = PyBytes_GET_SIZE(message)
        cdef Py_ssize_t count = 0
        cdef bint is_whole = False
        if size > MAX_MESSAGE:
            return False
        memset(&making, 0, sizeof(making))
        making.text = <const uint8_t*>PyBytes_AS_STRING(message)
        # A row takes four bytes at least.
        making.begins = <uint32_t*>malloc((size // 4 + 1) * sizeof(uint32_t))
        making.ends = <uint32_t*>malloc((size // 4 + 1) * sizeof(uint32_t))
        making.places = <uint64_t*>malloc((size // 4 + 1) * sizeof(uint64_t))
        making.row_of = <uint32_t*>malloc((size + 1) * sizeof(uint32_t))
        making.chain = <uint32_t*>malloc((size + 1) * sizeof(uint32_t))
        making.heads = <uint32_t*>calloc(1 << HASH_BITS, sizeof(uint32_t))
        try:
            if not (
                making.begins and making.ends and making.places
                and making.row_of and making.chain and making.heads
            ):
                raise MemoryError
            count = split(&making, size)
            if count < known:
                raise ValueError("no message of rows without values and times")
            is_whole = self._make_all(&making, count, known)
        finally:
            free(making.begins)
            free(making.ends)
            free(making.places)
            free(making.row_of)
            free(making.chain)
            free(making.heads)
        return is_whole

    cdef bint _make_all(self, Making* making, Py_ssize_t count, Py_ssize_t known) except *:
        cdef Py_ssize_t row
        for row in range(count):
            if not 0 < making.ends[row] - making.begins[row] <= MAX_LABELS:
                return False
        self._make_room(count - known, making.ends[count - 1] if count else 0)
        for row in range(count):
            if row >= known:
                self.begins[self.rows] = <uint32_t>self.used
                self._make_row(making, <uint32_t>row)
                self.rows += 1
                self.begins[self.rows] = <uint32_t>self.used
            index(making, <uint32_t>row)
        self._trim()
        return True

    cdef int _make_room(self, Py_ssize_t rows, size_t text) except -1:
        # A literal of a byte takes two at most, an operation of four bytes covers as many.
        cdef size_t room = self.used + 2 * text + 8 * rows + SLACK
        cdef void* grown
        if room >= 0xFFFFFFFF:
            raise MemoryError("the labels of an array of series take over 4 GiB")
        grown = realloc(self.program, room)
        if grown == NULL:
            raise MemoryError
        self.program, self.room = <uint8_t*>grown, room
        grown = realloc(self.begins, (self.rows + rows + 1) * sizeof(uint32_t))
        if grown == NULL:
            raise MemoryError
        self.begins, self.row_room = <uint32_t*>grown, self.rows + rows + 1
        return 0

    cdef void _trim(self) noexcept:
        # Literals are read for a few bytes more than they have.
        cdef void* shrunk = realloc(self.program, self.used + SLACK)
        if shrunk != NULL:
            self.program, self.room = <uint8_t*>shrunk, self.used + SLACK
        memset(self.program + self.used, 0, SLACK)

    cdef void _make_row(self, const Making* making, uint32_t row) noexcept:
        cdef uint32_t begin = making.begins[row], end = making.ends[row]
        cdef uint32_t at = begin, literal_at = begin
        cdef Match match, later
        self.program[self.used] = <uint8_t>(end - begin)
        self.program[self.used + 1] = <uint8_t>((end - begin) >> 8)
        self.used += 2
        while at < end:
            match = best_match(making, row, at)
            if 0 < match.gain < ENOUGH:
                # A copy that begins a byte later may be so much longer that it is worth the byte.
                later = best_match(making, row, at + 1)
                if later.gain > match.gain + 1:
                    match.gain = 0
            if match.gain <= 0:
                at += 1
                continue
            self._put_literal(making.text + literal_at, at - literal_at)
            self._put_copy(match.size, row - match.row, match.at - making.begins[match.row])
            at += match.size
            literal_at = at
        self._put_literal(making.text + literal_at, end - literal_at)

    cdef void _put_literal(self, const uint8_t* text, uint32_t size) noexcept:
        cdef uint32_t piece
        while size:
            piece = min(size, <uint32_t>MAX_LITERAL)
            self.program[self.used] = <uint8_t>piece
            memcpy(self.program + self.used + 1, text, piece)
            self.used += 1 + piece
            text += piece
            size -= piece

    cdef void _put_copy(self, uint32_t size, uint32_t back, uint32_t at) noexcept:
        cdef uint32_t piece
        cdef uint8_t* put
        while size:
            piece = size if size <= MAX_COPY else MAX_COPY - LEAST_COPY
            put = self.program + self.used
            put[0] = <uint8_t>(COPY + piece - LEAST_COPY)
            put[1] = <uint8_t>back
            put[2], put[3] = <uint8_t>at, <uint8_t>(at >> 8)
            self.used += 4
            at += piece
            size -= piece

    def elements(
        self, c_array.array values not None, Py_ssize_t place, int64_t t_ms, Py_ssize_t given
    ):
        """Return what is written of rows, and the size of that in the message."""
        cdef Py_ssize_t count = len(values)
        cdef size_t most
        cdef uint32_t begin, end
        cdef Walk walk
        cdef Writer writer
        if place < 0 or place + count > self.rows or given > count or t_ms <= 0:
            raise ValueError("rows that the template does not have")
        if given < min(count, C_REACH if place else 0):
            raise ValueError("rows that the first of these copies from are missing")
        if not count:
            return b"", 0
        if values.ob_descr.typecode != c'd':
            raise TypeError("values are doubles")
        # An operation of four bytes covers no more than three copies, of three bytes each.
        most = 3 * (self.begins[place + count] - self.begins[place]) + 64 * count + 64
        if most > self.out_room:
            free(self.out)
            self.out, self.out_room = <uint8_t*>malloc(most), most
            if self.out == NULL:
                self.out_room = 0
                raise MemoryError
        memset(&walk, 0, sizeof(walk))
        memset(&writer, 0, sizeof(writer))
        walk.tail.time[0] = 0x10
        walk.tail.time_size = 1 + put_uvarint(walk.tail.time + 1, <uint64_t>t_ms)
        writer.at = self.out
        begin, end = 0, 0
        end = self._write(
            &writer, &walk, <const uint64_t*>values.data.as_voidptr, place, count, given, &begin
        )
        written = PyBytes_FromStringAndSize(<char*>self.out, writer.at - self.out)
        return written, end - begin

    # Return where in the message the last row ends, and in *begin where the first one that is
    # written begins, both counted from the row at `place`.
    cdef uint32_t _write(
        self,
        Writer* writer,
        Walk* walk,
        const uint64_t* values,
        Py_ssize_t place,
        Py_ssize_t count,
        Py_ssize_t given,
        uint32_t* begin,
    ) noexcept nogil:
        cdef const uint8_t* at
        cdef Row* row
        cdef uint32_t labels_size, size, position = 0
        cdef uint64_t bits
        cdef Py_ssize_t index
        for index in range(count):
            at = self.program + self.begins[place + index]
            labels_size = at[0] | <uint32_t>at[1] << 8
            memcpy(&bits, values + index, 8)
            size = labels_size + walk.tail.time_size + (11 if bits else 2)
            row = &walk.rows[index & (RING - 1)]
            row.labels = position + 1 + size_of_uvarint(size)
            row.item = row.labels + labels_size
            row.end = row.labels + size
            if index == given:
                begin[0] = position
            if index >= given:
                self._write_row(writer, walk, values, index, at + 2)
            note_value(walk, row.item, bits)
            position = row.end
        if given == count:
            begin[0] = position
        if walk.tail.is_owed and count > 1:
            put_tail(
                writer, &walk.tail, position, &walk.rows[(count - 2) & (RING - 1)],
                values[count - 2],
            )
        elif walk.tail.is_owed:
            put_whole_tail(writer, &walk.tail)
        flush(writer)
        return position

    cdef void _write_row(
        self,
        Writer* writer,
        Walk* walk,
        const uint64_t* values,
        Py_ssize_t index,
        const uint8_t* at,
    ) noexcept nogil:
        cdef const Row* row = &walk.rows[index & (RING - 1)]
        cdef const Row* other = NULL
        cdef uint32_t size, source = 0, left = row.item - row.labels, done = 0
        cdef uint64_t other_bits = 0
        self._begin_row(writer, walk, values, index, at)
        while left:
            if at[0] < COPY:
                other = NULL
                literal(writer, at + 1, at[0])
                left -= at[0]
                at += 1 + at[0]
                continue
            size = at[0] - COPY + LEAST_COPY
            other = &walk.rows[(index - at[1]) & (RING - 1)]
            other_bits = values[index - at[1]]
            source = other.labels + (at[2] | <uint32_t>at[3] << 8)
            copy(writer, row.item - left - source, size)
            source += size
            left -= size
            at += 4
        if other != NULL and source == other.item:
            done = alike_items(values[index], other_bits, walk.tail.time_size)
            copy(writer, row.item - other.item, done)
        if done == row.end - row.item:
            walk.tail.is_owed = False
        elif values[index]:
            put_value(writer, walk, row.item, values[index], done)
        else:
            put_zero(writer, walk, row.item, done)

    # Write the tail that the row before is owed, and the head of this one. Where its labels begin
    # like those of another row, all of that may be there before them, too.
    cdef void _begin_row(
        self,
        Writer* writer,
        Walk* walk,
        const uint64_t* values,
        Py_ssize_t index,
        const uint8_t* at,
    ) noexcept nogil:
        cdef const Row* row = &walk.rows[index & (RING - 1)]
        cdef const Row* other
        cdef const Row* before
        cdef uint32_t position, offset, size = row.end - row.labels
        cdef uint32_t head_size = 1 + size_of_uvarint(size)
        cdef bint is_joined
        cdef uint8_t head[2 * SLACK]  # part of it is a literal, too
        head[0] = 0x0A
        put_uvarint(head + 1, size)
        position = row.labels - head_size
        if at[0] < COPY or at[2] or at[3]:
            put_any_tail(writer, walk, values, index, position)
            literal(writer, head, head_size)
            return
        other = &walk.rows[(index - at[1]) & (RING - 1)]
        offset = row.labels - other.labels
        if walk.tail.is_owed and index > at[1]:
            before = &walk.rows[(index - at[1] - 1) & (RING - 1)]
            if other.labels - before.end == head_size:
                put_tail(writer, &walk.tail, position, before, values[index - at[1] - 1])
        put_any_tail(writer, walk, values, index, position)
        is_joined = writer.size and writer.offset == offset
        if other.end - other.labels == size:
            copy(writer, offset, head_size)
        elif is_joined:
            copy(writer, offset, 1)
            literal(writer, head + 1, head_size - 1)
        else:
            literal(writer, head, head_size)


# Write the tail that is owed, if any, as at the end of the row before the last one.
cdef inline void put_any_tail(
    Writer* writer, Walk* walk, const uint64_t* values, Py_ssize_t index, uint32_t position
) noexcept nogil:
    if not walk.tail.is_owed:
        return
    if index > 1:
        put_tail(
            writer, &walk.tail, position, &walk.rows[(index - 2) & (RING - 1)], values[index - 2]
        )
    else:
        put_whole_tail(writer, &walk.tail)


# Return how many bytes of two items are the same from their begin on, all of them where the values
# are.
cdef inline uint32_t alike_items(uint64_t bits, uint64_t other, uint32_t time_size) noexcept nogil:
    if bits == other:
        return time_size + (11 if bits else 2)
    if not bits or not other:
        return 1
    return 3 + first_alike(bits, other)


# Find the labels in a message of rows without values and times; return how many rows it has, -1
# where it is no such message.
cdef Py_ssize_t split(Making* making, size_t size) noexcept:
    cdef const uint8_t* text = making.text
    cdef size_t at = 0, length
    cdef int shift
    cdef Py_ssize_t count = 0
    cdef uint64_t place = 0
    while at < size:
        if text[at] != 0x0A:
            return -1
        at += 1
        length, shift = 0, 0
        while at < size and text[at] & 0x80 and shift < 28:
            length |= <size_t>(text[at] & 0x7F) << shift
            shift += 7
            at += 1
        if at >= size:
            return -1
        length |= <size_t>text[at] << shift
        at += 1
        if length < 2 or length > size - at or memcmp(text + at + length - 2, b"\x12\x00", 2):
            return -1
        making.begins[count] = <uint32_t>at
        making.ends[count] = <uint32_t>(at + length - 2)
        making.places[count] = place
        place += length - 2 + MOST_BESIDE_LABELS
        count += 1
        at += length
    return count


# Let later rows copy from this one.
cdef void index(Making* making, uint32_t row) noexcept:
    cdef uint32_t at, key
    for at in range(making.begins[row], making.ends[row]):
        making.row_of[at] = row
        if making.ends[row] - at < LEAST_COPY:
            continue
        key = hash_of(making.text + at)
        making.chain[at] = making.heads[key]
        making.heads[key] = at + 1
