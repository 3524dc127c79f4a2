# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Places are checked against the template's own rows before anything is written.
"""The compiled twin of `_template_py`, which says what the elements mean.

What snappy has to find out anew for each request, what of a series' labels was there before, is
found out once here, and kept as a short program a row:

    row      := size of the labels (2 bytes, little endian), operations until they are complete
    literal  := its size (1 to 127), bytes
    copy     := 0x80 + size - 4, rows back (1 to REACH - 2), where in that row's labels (2 bytes)

A copy names its source by row, since how far back that is depends on the values between: one of
zero takes no room in a message. Around the labels stand a head and an item:

    0a size | labels | 12 size [09 value] 10 time
    head               item               tail

Which values are zero hardly changes from scrape to scrape. So the programs of 64 rows are run once
for a pattern of zeros, and leave a block of records: elements from the tail of the row before up to
the row's own value. Two copies of one distance are one, so the first copy of a record mostly runs
from that tail through the head into the labels, and the last one ends before the value; both are
made longer, in place, by what is alike of the values there. All that is left to write is a value.

It is one file however long, since what makes programs, records and elements shares the form of all
three, and its inner loops have to be inline in each other.
"""

from cpython cimport array as c_array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from promscrape.model._uvarint_c cimport put_uvarint, size_of_uvarint

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
    int first_alike(uint64_t a, uint64_t b) nogil
    int last_alike(uint64_t a, uint64_t b) nogil
    uint32_t alike(const uint8_t* a, const uint8_t* b, uint32_t most) nogil
    uint32_t four_bytes(const uint8_t* at) nogil

cdef enum:
    C_REACH = 256
    RING = 512  # a power of two that a block and the rows within reach fit into
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
    MOST_BESIDE_LABELS = 3 + 11 + 7
    HEAD_OF_VALUE = 3  # of an item, what comes before its value
    VALUE_SIZE = HEAD_OF_VALUE + 8
    ZERO_SIZE = 2  # of an item without a value, what comes before its time
    TIME_SIZE = 7  # of a time from FIRST_MS on
    BLOCK = 64
    SPAN = 5  # a block, and those before it that are within reach
    WIDE = 32  # what is copied of a record at once
    HASH_BITS = 14
    MAX_TRIES = 24
    # Of a copy from the begin, or to the end, of labels: what it may save beyond them.
    GAIN_AT_BEGIN = 6
    GAIN_AT_END = 2
    ENOUGH = 24  # who saves so much is not weighed against the next place
    VALUES = 128
    SLACK = 16
    MOST_OF_COPY = 64 - HEAD_OF_VALUE  # of one that a value's beginning may be added to
    SPELLED = 64  # a power of two
    NOTHING_BEFORE = 255  # the reach of a row that has not enough rows before it for a record

REACH = C_REACH
FIRST_MS = 1 << 35
END_MS = 1 << 42

cdef int64_t first_ms = FIRST_MS, end_ms = END_MS

cdef uint64_t SPREAD = 0x9E3779B97F4A7C15


# A row: where in the message its labels, its item and its end are.
cdef struct Row:
    uint32_t labels
    uint32_t item
    uint32_t end


# The elements of a row follow its record. most_alike: by how much the first of them can be made
# longer. tail_back: from the end of which row its tail comes. most_done: by how much the last one
# can be made longer. item_back: of which row the item follows what that copies; 0 where it is none.
# reach: how many rows back the farthest is that anything is copied from.
cdef struct Record:
    uint16_t size
    uint16_t row_size
    uint8_t most_alike
    uint8_t tail_back
    uint8_t most_done
    uint8_t item_back
    uint8_t reach


# The records of up to 64 rows. zeros: which values are zero for them to be of use, a bit a row: of
# these rows, of the 64 before, and so on. first: from which row on that means anything.
cdef struct Block:
    uint64_t zeros[SPAN]
    Py_ssize_t first
    uint32_t rows
    uint32_t room
    uint8_t* records


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


# Write the copy that waits so that a value's beginning can be added to its last element.
cdef inline void flush_open(Writer* writer) noexcept nogil:
    cdef uint32_t piece
    writer.literal = NULL
    while writer.size > MOST_OF_COPY:
        # The first of all has a tail and more, as any first element.
        piece = min(writer.size - MOST_OF_COPY + TIME_SIZE + 1, <uint32_t>64)
        writer.at = put_copy(writer.at, writer.offset, piece)
        writer.size -= piece
    writer.at[0] = <uint8_t>(2 | ((writer.size - 1) << 2))
    writer.at[1] = <uint8_t>writer.offset
    writer.at[2] = <uint8_t>(writer.offset >> 8)
    writer.at += 3
    writer.size = 0


# What is needed of the rows that were written to copy values from them.
cdef struct Seen:
    Value values[VALUES]
    uint32_t by_zeros[8]  # the last item whose value begins with so many bytes of zero


cdef inline bint copyable(uint32_t item, uint32_t place) noexcept nogil:
    return item != 0 and place - item <= MAX_OFFSET


cdef inline void note_value(Seen* seen, uint32_t item, uint64_t bits) noexcept nogil:
    cdef Value* same = &seen.values[(bits * SPREAD) >> 57]
    same.bits, same.item = bits, item
    seen.by_zeros[first_alike(bits, 0)] = item


# A value that is not written yet: the last `left` bytes of an item up to its time.
cdef struct Pending:
    uint64_t bits  # 0 where there is none
    uint32_t left
    uint8_t text[2 * SLACK]


# Begin the item of a value that is not zero, of which `done` bytes are written, and leave the rest.
cdef inline uint8_t* begin_value(
    uint8_t* at, Seen* seen, Pending* pending, uint32_t item, uint64_t bits, uint32_t done
) noexcept nogil:
    cdef const Value* same = &seen.values[(bits * SPREAD) >> 57]
    cdef uint32_t zeros, best, more
    cdef uint64_t raw = little_endian(bits)
    if done + LEAST_COPY <= VALUE_SIZE:
        if same.bits == bits and copyable(same.item, item):
            at = put_copy(at, item - same.item, VALUE_SIZE - done)
            done = VALUE_SIZE
        else:
            zeros = first_alike(bits, 0)
            best = seen.by_zeros[zeros]
            for more in range(zeros + 1, 8 if not best else 0):
                best = max(best, seen.by_zeros[more])
            if HEAD_OF_VALUE + zeros >= done + LEAST_COPY and copyable(best, item):
                at = put_copy(at, item - best, HEAD_OF_VALUE + zeros - done)
                done = HEAD_OF_VALUE + zeros
    pending.bits, pending.left = bits, VALUE_SIZE - done
    memcpy(pending.text + HEAD_OF_VALUE, &raw, 8)
    return at


# Write what is left of a value but its last `alike` bytes.
cdef inline uint8_t* end_value(uint8_t* at, const Pending* pending, uint32_t alike) noexcept nogil:
    cdef uint32_t size = pending.left - alike
    at[0] = <uint8_t>((size - 1) << 2)
    memcpy(at + 1, pending.text + VALUE_SIZE - pending.left, SLACK)
    return at + (size + 1 if size else 0)


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
        if row - other >= C_REACH - 1 or offset > MAX_OFFSET:
            break
        if four_bytes(text + place) != four_bytes(text + at):
            continue
        most = min(making.ends[row] - at, making.ends[other] - place)
        size = alike(text + place, text + at, most)
        gain = size - (2 if size <= MAX_NEAR and offset < NEAR else 3 * ((size + 63) // 64))
        if (
            at == making.begins[row]
            and place == making.begins[other]
            and making.ends[row] - at == making.ends[other] - place
        ):
            gain += GAIN_AT_BEGIN
        if at + size == making.ends[row] and place + size == making.ends[other]:
            gain += GAIN_AT_END
        if gain > best.gain:
            best.gain, best.size, best.row, best.at = gain, size, other, place
    return best


# A text that had to be spelled out, since the row that has it is not in the message, and its place.
cdef struct Spelled:
    const uint8_t* text
    uint32_t size
    uint32_t place


# Elements being made. position: what was written, in the message, up to the end of the last row,
# whose time and, if any is pending, value are not there yet.
cdef struct Run:
    const uint64_t* values
    Py_ssize_t place
    Py_ssize_t count
    uint8_t* at
    uint32_t position
    # The labels of the first rows, where they are not the template's first ones.
    const uint8_t* labels[C_REACH]
    Spelled spelled[SPELLED]
    uint8_t time[2 * SLACK]
    Pending pending
    Seen seen
    # As those of a block, of the one that comes next.
    bint has_pattern
    uint64_t zeros[SPAN]


# Return which of a block's rows have a value of zero, as far as they are at hand, before `end`.
cdef uint64_t zeros_of(const Run* run, Py_ssize_t number, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t first = number * BLOCK - run.place, index
    cdef uint64_t zeros = 0
    end = min(end, first + BLOCK)
    for index in range(max(first, 0), end):
        zeros |= <uint64_t>(run.values[index] == 0) << (index - first)
    return zeros


# Find the pattern of zeros for a block; that of the one before may be there.
cdef inline void follow_zeros(Run* run, Py_ssize_t number, Py_ssize_t end) noexcept nogil:
    cdef int back
    for back in range(SPAN - 1, 0, -1):
        if run.has_pattern:
            run.zeros[back] = run.zeros[back - 1]
        else:
            run.zeros[back] = zeros_of(run, number - back, end)
    run.has_pattern = True
    run.zeros[0] = zeros_of(run, number, end)


# Return whether a block is of use for rows of this run, to before the one at `end`.
cdef inline bint is_good(
    const Run* run, const Block* block, Py_ssize_t number, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t first
    cdef uint64_t differing
    cdef int back
    if block.first > run.place and block.first > (number - SPAN + 1) * BLOCK:
        return False
    for back in range(SPAN):
        differing = run.zeros[back] ^ block.zeros[back]
        first = run.place - (number - back) * BLOCK
        if first >= BLOCK:
            return True
        if first > 0:
            differing &= ~<uint64_t>0 << first
        if back == 0 and run.place + end < (number + 1) * BLOCK:
            differing &= (<uint64_t>1 << (run.place + end - number * BLOCK)) - 1
        if differing:
            return False
    return True


cdef inline bint is_of_zero(const Row* row) noexcept nogil:
    return row.end - row.item == ZERO_SIZE + TIME_SIZE


# The first element is a copy. A short one has room for eight sizes, any other for 64; one that is
# the last one too has to share that.
cdef inline void set_most_alike(
    Record* record, const uint8_t* element, const uint8_t* end
) noexcept nogil:
    cdef uint8_t size = element[0] >> 2
    if element[0] & 3 == 1:
        record.most_alike = 7 - (size & 7)
    elif record.item_back and end - element == 3:
        record.most_alike = 0
    else:
        record.most_alike = min(63 - size, 8)


# Return how many bytes of two items are the same from their begin on; neither value is zero.
cdef inline uint32_t alike_at_begin(uint64_t bits, uint64_t other) noexcept nogil:
    return VALUE_SIZE if bits == other else HEAD_OF_VALUE + first_alike(bits, other)


# Return how many of the last bytes of a pending value are those of another one.
cdef inline uint32_t alike_at_end(const Pending* pending, uint64_t other) noexcept nogil:
    cdef uint32_t size
    if not other:
        return 0
    size = 8 if pending.bits == other else last_alike(pending.bits, other)
    return min(size, pending.left)


# Where elements are put together: memory of their size would come fresh from the system each time.
cdef class _Scratch:
    cdef uint8_t* begin
    cdef size_t room

    def __dealloc__(self):
        free(self.begin)

    cdef int make_room(self, size_t size) except -1:
        if size > self.room:
            free(self.begin)
            self.begin, self.room = <uint8_t*>malloc(size), size
            if self.begin == NULL:
                self.room = 0
                raise MemoryError
        return 0


cdef _Scratch scratch = _Scratch()


cdef class Template:
    """See the plain twin."""

    cdef uint8_t* program
    cdef size_t used, room
    cdef uint32_t* begins
    cdef readonly Py_ssize_t rows
    cdef Py_ssize_t row_room
    cdef Block* blocks
    cdef Py_ssize_t block_count
    cdef size_t block_bytes

    def __dealloc__(self):
        cdef Py_ssize_t at
        for at in range(self.block_count):
            free(self.blocks[at].records)
        free(self.blocks)
        free(self.program)
        free(self.begins)

    @property
    def memory(self):
        """How many bytes it takes, about."""
        return (
            self.room
            + self.row_room * sizeof(uint32_t)
            + self.block_count * sizeof(Block)
            + self.block_bytes
        )

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
        return self._make_room_for_blocks((self.rows + rows + BLOCK - 1) // BLOCK)

    cdef int _make_room_for_blocks(self, Py_ssize_t count) except -1:
        cdef void* grown
        if count <= self.block_count:
            return 0
        grown = realloc(self.blocks, count * sizeof(Block))
        if grown == NULL:
            raise MemoryError
        self.blocks = <Block*>grown
        memset(self.blocks + self.block_count, 0, (count - self.block_count) * sizeof(Block))
        self.block_count = count
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
        self, c_array.array values not None, Py_ssize_t place, int64_t t_ms, bytes labels not None=b""
    ):
        """Return what is written of rows, and the size of that in the message."""
        cdef Py_ssize_t count = len(values)
        cdef Run run
        if place < 0 or place + count > self.rows:
            raise ValueError("rows that the template does not have")
        if not first_ms <= t_ms < end_ms:
            raise ValueError("a time that templates do not have")
        if values.ob_descr.typecode != c"d":
            raise TypeError("values are doubles")
        memset(&run, 0, sizeof(run))
        run.values, run.place, run.count = <const uint64_t*>values.data.as_voidptr, place, count
        self._find_labels(&run, labels)
        if not count:
            return b"", 0
        # Three bytes stand for four of a program, at most; labels may have to be spelled out.
        scratch.make_room(
            3 * (self.begins[place + count] - self.begins[place])
            + 2 * PyBytes_GET_SIZE(labels) + 64 * count + 1024
        )
        run.at = scratch.begin
        run.time[0] = 0x10
        put_uvarint(run.time + 1, <uint64_t>t_ms)
        self._write(&run)
        written = PyBytes_FromStringAndSize(<char*>scratch.begin, run.at - scratch.begin)
        return written, run.position

    # Find the labels of the first rows in the message that has them.
    cdef int _find_labels(self, Run* run, bytes labels) except -1:
        cdef Py_ssize_t index, given = min(run.count, C_REACH) if run.place else 0
        cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(labels)
        cdef const uint8_t* end = at + PyBytes_GET_SIZE(labels)
        cdef uint32_t size
        cdef uint8_t head[SLACK]
        cdef int head_size
        for index in range(given):
            size = self._label_size(run.place + index)
            head[0] = 0x0A
            head_size = <int>(put_uvarint(head + 1, size + ZERO_SIZE) - head)
            if end - at < head_size + size + ZERO_SIZE or memcmp(at, head, head_size) != 0:
                raise ValueError("labels that the template does not have")
            run.labels[index] = at + head_size
            at += head_size + size + ZERO_SIZE
        if at != end:
            raise ValueError("labels that the template does not have")
        return 0

    cdef int _write(self, Run* run) except -1:
        cdef Py_ssize_t index = 0, block, end
        run.pending.text[0], run.pending.text[1] = 0x12, VALUE_SIZE - ZERO_SIZE + TIME_SIZE
        run.pending.text[2] = 0x09
        while index < run.count:
            block = (run.place + index) // BLOCK
            end = min((block + 1) * BLOCK - run.place, run.count)
            self._prepare(run, block, end)
            self._write_block(run, block, index, end)
            index = end
        return self._end(run)

    cdef inline uint32_t _label_size(self, Py_ssize_t row) noexcept nogil:
        cdef const uint8_t* at = self.program + self.begins[row]
        return at[0] | <uint32_t>at[1] << 8

    # Return the size of a row without its head.
    cdef inline uint32_t _body_size(self, Py_ssize_t row, bint is_zero) noexcept nogil:
        return self._label_size(row) + TIME_SIZE + (ZERO_SIZE if is_zero else VALUE_SIZE)

    # Write a row that copies from rows which are not written, or has none before it.
    cdef void _write_fresh(self, Run* run, const Row* rows, Py_ssize_t index) noexcept nogil:
        cdef Py_ssize_t row = run.place + index
        cdef const Row* own = &rows[row & (RING - 1)]
        cdef uint64_t bits = run.values[index]
        cdef uint32_t size = own.end - own.labels, head_size
        cdef Writer writer
        cdef uint8_t head[2 * SLACK]
        memset(&writer, 0, sizeof(writer))
        writer.at = run.at
        head[0] = 0x0A
        head_size = <uint32_t>(put_uvarint(head + 1, size) - head)
        if index > 1:
            # The tag of a head comes after any tail.
            copy(
                &writer, own.labels - head_size - rows[(row - 2) & (RING - 1)].end, TIME_SIZE + 1
            )
            literal(&writer, head + 1, head_size - 1)
        else:
            if index:
                literal(&writer, run.time, TIME_SIZE)
            literal(&writer, head, head_size)
        self._run_within(run, &writer, rows, index, run.position + head_size)
        if not bits:
            head[0], head[1] = 0x12, TIME_SIZE
            literal(&writer, head, ZERO_SIZE)
        flush(&writer)
        run.at = writer.at
        run.position += head_size + size

    # As `_run_program`, but spell out what would be copied from rows that are not in the message,
    # once. place: of the labels, in the message.
    cdef void _run_within(
        self, Run* run, Writer* writer, const Row* rows, Py_ssize_t index, uint32_t place
    ) noexcept nogil:
        cdef Py_ssize_t row = run.place + index, source
        cdef const uint8_t* text
        cdef const uint8_t* at = self.program + self.begins[row] + 2
        cdef const Row* own = &rows[row & (RING - 1)]
        cdef uint32_t size, source_at, same, left, done = 0, all_labels = own.item - own.labels
        cdef uint8_t spare[2 * SLACK]
        cdef Spelled* spelled
        while done < all_labels:
            if at[0] < COPY:
                size = at[0]
                literal(writer, at + 1, size)
                at += 1 + size
                done += size
                continue
            size = at[0] - COPY + LEAST_COPY
            source, source_at = row - at[1], at[2] | <uint32_t>at[3] << 8
            at += 4
            if source >= run.place:
                copy(
                    writer, own.labels + done - rows[source & (RING - 1)].labels - source_at, size
                )
            else:
                text = run.labels[index] + done
                spelled = &run.spelled[hash_of(text) & (SPELLED - 1)]
                same = 0
                if spelled.size and place + done - spelled.place <= MAX_OFFSET:
                    same = alike(spelled.text, text, min(spelled.size, size))
                if same < LEAST_COPY:
                    same = 0
                else:
                    copy(writer, place + done - spelled.place, same)
                if same < size:
                    left = size - same
                    if left < SLACK:  # nothing may be behind it that could be read
                        memcpy(spare, text + same, left)
                        literal(writer, spare, left)
                    else:
                        literal(writer, text + same, left)
                    spelled.text, spelled.size, spelled.place = text, size, place + done
            done += size

    # Write the labels of a row; leave the last copy in the writer, and return the row whose labels
    # end with it, -1 where none do.
    cdef Py_ssize_t _run_program(
        self, Writer* writer, const Row* rows, Py_ssize_t row
    ) noexcept nogil:
        cdef const uint8_t* at = self.program + self.begins[row] + 2
        cdef const Row* own = &rows[row & (RING - 1)]
        cdef const Row* other = NULL
        cdef uint32_t size, source = 0, left = own.item - own.labels
        cdef Py_ssize_t back = 0
        while left:
            if at[0] < COPY:
                other = NULL
                literal(writer, at + 1, at[0])
                left -= at[0]
                at += 1 + at[0]
                continue
            size = at[0] - COPY + LEAST_COPY
            back = at[1]
            other = &rows[(row - back) & (RING - 1)]
            source = other.labels + (at[2] | <uint32_t>at[3] << 8)
            copy(writer, own.item - left - source, size)
            source += size
            left -= size
            at += 4
        return row - back if other != NULL and source == other.item else -1

    # Find where rows up to `end` are, from the first block within reach of that of `row` on. The
    # distances between them are right; where they begin is not.
    cdef void _find_rows(
        self, Row* rows, Py_ssize_t row, Py_ssize_t end, const uint64_t* zeros
    ) noexcept nogil:
        cdef Py_ssize_t block = row // BLOCK, at = max(block - SPAN + 1, 0) * BLOCK
        cdef uint32_t size, position = 0
        cdef bint is_zero
        cdef Row* found
        while at < end:
            is_zero = zeros[block - at // BLOCK] >> (at % BLOCK) & 1
            size = self._body_size(at, is_zero)
            found = &rows[at & (RING - 1)]
            found.labels = position + 1 + size_of_uvarint(size)
            found.end = position = found.labels + size
            found.item = position - TIME_SIZE - (ZERO_SIZE if is_zero else VALUE_SIZE)
            at += 1

    # See to it that a block has records of its rows to before `end`.
    cdef int _prepare(self, Run* run, Py_ssize_t number, Py_ssize_t end) except -1:
        cdef Block* block = &self.blocks[number]
        cdef uint32_t rows = <uint32_t>(run.place + end - number * BLOCK)
        follow_zeros(run, number, end)
        if block.rows < rows or not is_good(run, block, number, end):
            memcpy(block.zeros, run.zeros, sizeof(run.zeros))
            block.first = run.place
            self._make_block(block, number, rows)
        return 0

    cdef int _make_block(self, Block* block, Py_ssize_t number, uint32_t count) except -1:
        cdef Row rows[RING]
        cdef Py_ssize_t first = number * BLOCK, row
        cdef size_t room = 3 * (self.begins[first + count] - self.begins[first]) + 64 * count + 64
        cdef uint8_t* made = <uint8_t*>malloc(room)
        cdef uint8_t* at = made
        cdef void* kept
        block.rows = 0
        if made == NULL:
            raise MemoryError
        self._find_rows(rows, first, first + count, block.zeros)
        for row in range(first, first + count):
            at = self._put_record(at, rows, row, block.zeros[0] >> (row - first) & 1)
        # As much as is written of a record at once is read of the last one.
        memset(at, 0, WIDE)
        kept = realloc(block.records, at - made + WIDE)
        if kept == NULL:
            free(made)
            raise MemoryError
        memcpy(kept, made, at - made + WIDE)
        self.block_bytes += at - made + WIDE - block.room
        block.records, block.room = <uint8_t*>kept, <uint32_t>(at - made + WIDE)
        block.rows = count
        free(made)
        return 0

    cdef uint8_t* _put_record(
        self, uint8_t* at, const Row* rows, Py_ssize_t row, bint is_zero
    ) noexcept nogil:
        cdef const Row* own = &rows[row & (RING - 1)]
        cdef Record record
        cdef Writer writer
        cdef uint8_t item[2 * SLACK]
        cdef Py_ssize_t other
        cdef uint8_t* begin = at + sizeof(record)
        memset(&record, 0, sizeof(record))
        memset(&writer, 0, sizeof(writer))
        writer.at = begin
        record.reach = NOTHING_BEFORE
        if row > 1:
            self._begin_record(&writer, &record, rows, row)
            other = self._run_program(&writer, rows, row)
            if is_zero:
                item[0], item[1] = 0x12, TIME_SIZE
                if other >= 0 and is_of_zero(&rows[other & (RING - 1)]):
                    copy(&writer, own.item - rows[other & (RING - 1)].item, ZERO_SIZE)
                else:
                    literal(&writer, item, ZERO_SIZE)
            elif other >= 0 and not is_of_zero(&rows[other & (RING - 1)]):
                record.item_back = <uint8_t>(row - other)
                flush_open(&writer)
                record.most_done = <uint8_t>min(63 - ((writer.at - 3)[0] >> 2), VALUE_SIZE)
            flush(&writer)
            set_most_alike(&record, begin, writer.at)
            record.reach = max(self._reach(row), record.tail_back)
        record.size = <uint16_t>(writer.at - begin)
        record.row_size = <uint16_t>(
            own.end - own.labels + 1 + size_of_uvarint(own.end - own.labels)
        )
        memcpy(at, &record, sizeof(record))
        return writer.at

    # Return how many rows back the farthest is that a row's labels copy from.
    cdef uint8_t _reach(self, Py_ssize_t row) noexcept nogil:
        cdef const uint8_t* at = self.program + self.begins[row] + 2
        cdef const uint8_t* end = self.program + self.begins[row + 1]
        cdef uint8_t reach = 0
        while at < end:
            if at[0] < COPY:
                at += 1 + at[0]
            else:
                reach = max(reach, at[1])
                at += 4
        return reach

    # Write the tail of the row before, and the head of this one. Where its labels begin like those
    # of another row, all of that may be there before them, too.
    cdef void _begin_record(
        self, Writer* writer, Record* record, const Row* rows, Py_ssize_t row
    ) noexcept nogil:
        cdef const uint8_t* at = self.program + self.begins[row] + 2
        cdef const Row* own = &rows[row & (RING - 1)]
        cdef const Row* other
        cdef uint8_t head[2 * SLACK]
        cdef uint32_t size = own.end - own.labels
        cdef uint32_t head_size = 1 + size_of_uvarint(size)
        cdef Py_ssize_t back = at[1]
        if at[0] >= COPY and not at[2] and not at[3] and row > back:
            other = &rows[(row - back) & (RING - 1)]
            if other.end - other.labels == size:
                copy(writer, own.labels - other.labels, TIME_SIZE + head_size)
                record.tail_back = <uint8_t>(back + 1)
                return
        head[0] = 0x0A
        put_uvarint(head + 1, size)
        # The tag of a head comes after any tail.
        other = &rows[(row - 2) & (RING - 1)]
        copy(writer, own.labels - head_size - other.end, TIME_SIZE + 1)
        record.tail_back = 2
        literal(writer, head + 1, head_size - 1)

    cdef void _write_block(
        self, Run* run, Py_ssize_t number, Py_ssize_t index, Py_ssize_t end
    ) noexcept nogil:
        cdef const uint8_t* at = self.blocks[number].records
        cdef Py_ssize_t skipped
        cdef Record record
        cdef Row rows[RING]
        cdef bint has_rows = False
        cdef uint64_t bits
        cdef uint32_t alike, done
        for skipped in range((run.place + index) % BLOCK):
            memcpy(&record, at, sizeof(record))
            at += sizeof(record) + record.size
        for index in range(index, end):
            memcpy(&record, at, sizeof(record))
            at += sizeof(record)
            bits, done = run.values[index], 0
            if record.reach > index:
                if not has_rows:
                    self._find_rows(rows, number * BLOCK, run.place + end, run.zeros)
                    has_rows = True
                if run.pending.left:
                    run.at = end_value(run.at, &run.pending, 0)
                self._write_fresh(run, rows, index)
            else:
                alike = 0
                if run.pending.left:
                    alike = alike_at_end(&run.pending, run.values[index - record.tail_back])
                    alike = min(alike, record.most_alike)
                    run.at = end_value(run.at, &run.pending, alike)
                memcpy(run.at, at, WIDE)
                if record.size > WIDE:
                    memcpy(run.at + WIDE, at + WIDE, record.size - WIDE)
                run.at[0] += <uint8_t>(alike << 2)
                run.at += record.size
                run.position += record.row_size
                if record.item_back and bits:
                    done = alike_at_begin(bits, run.values[index - record.item_back])
                    done = min(done, record.most_done)
                    (run.at - 3)[0] += <uint8_t>(done << 2)
            at += record.size
            run.pending.left = 0
            if not bits:
                continue
            run.at = begin_value(
                run.at, &run.seen, &run.pending, run.position - TIME_SIZE - VALUE_SIZE, bits, done
            )
            note_value(&run.seen, run.position - TIME_SIZE - VALUE_SIZE, bits)

    # Write the tail of the last row.
    cdef int _end(self, Run* run) noexcept nogil:
        cdef Writer writer
        if run.pending.left:
            run.at = end_value(run.at, &run.pending, 0)
        memset(&writer, 0, sizeof(writer))
        writer.at = run.at
        literal(&writer, run.time, TIME_SIZE)
        run.at = writer.at
        return 0


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
