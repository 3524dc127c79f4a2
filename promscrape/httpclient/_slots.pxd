# cython: language_level=3
"""The connections that the thread of exchanges has, which of them is due next, and which are done.

All of it is behind the engine's lock.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from promscrape.httpclient._linux cimport (
    CLOCK_MONOTONIC, EPOLL_CTL_DEL, TFD_TIMER_ABSTIME, clock_gettime, clockid_t, close, epoll_ctl,
    itimerspec, pthread_mutex_t, timerfd_settime, timespec,
)

cdef enum:
    # What a slot is for.
    FREE = 0
    IDLE = 1
    BOOKED = 2
    SENT = 3
    DONE = 4
    # How a request went.
    NOT_SENT = 1
    ANSWERED = 2
    LOST = 3
    TIMED_OUT = 4
    EVENTS = 64
    PIECE_BYTES = 32 * 1024
    # An answer that is longer goes on in the event loop.
    MOST_BYTES = 1024 * 1024
    # One that takes a while of its own to be worked on is not kept waiting for others.
    LARGE_BYTES = 128 * 1024
    # So many are enough to be worked on together.
    ENOUGH = 20
    NS_PER_S = 1_000_000_000

cdef struct Slot:
    uint32_t index
    uint32_t generation
    int fd
    int state
    int outcome
    int error
    bint is_broken
    bint is_closing
    # In the heap of what is due: when, and at which place.
    int64_t due_ns
    Py_ssize_t place
    int64_t timeout_ns
    int64_t sent_ns
    int64_t sent_wall_ns
    int64_t answered_ns
    char *head
    size_t head_size
    char *data
    size_t size
    size_t room
    # How many bytes the answer has: 0 until its head was read; INT64_MAX for one in chunks.
    int64_t expected
    Slot *next

cdef struct Engine:
    pthread_mutex_t lock
    int epoll
    int timer
    int notices
    Slot **slots
    uint32_t slot_count
    uint32_t slot_room
    Slot *unused
    Slot **heap
    Py_ssize_t heap_size
    Slot *current
    Slot *first_done
    Slot *last_done
    int done_count
    int64_t gathered_ns
    int64_t noticed_ns
    # When the owner is to be told of what is done, and when the timer goes off; INT64_MAX: never.
    int64_t notice_due_ns
    int64_t armed_ns
    bint is_stopping


cdef inline int64_t now_ns(clockid_t clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t> now.tv_sec * NS_PER_S + now.tv_nsec


# The heap of slots that are booked or sent: the one that is due first is at its top.

cdef inline void place(Engine *engine, Py_ssize_t at, Slot *slot) noexcept nogil:
    engine.heap[at] = slot
    slot.place = at


cdef inline void sift(Engine *engine, Py_ssize_t at) noexcept nogil:
    """Move the slot at this place up or down to where it belongs."""
    cdef Slot *slot = engine.heap[at]
    cdef Py_ssize_t other
    while at > 0:
        other = (at - 1) // 2
        if engine.heap[other].due_ns <= slot.due_ns:
            break
        place(engine, at, engine.heap[other])
        at = other
    while True:
        other = 2 * at + 1
        if other >= engine.heap_size:
            break
        if (
            other + 1 < engine.heap_size
            and engine.heap[other + 1].due_ns < engine.heap[other].due_ns
        ):
            other += 1
        if engine.heap[other].due_ns >= slot.due_ns:
            break
        place(engine, at, engine.heap[other])
        at = other
    place(engine, at, slot)


cdef inline void put(Engine *engine, Slot *slot) noexcept nogil:
    # There is room for as many as there are slots.
    place(engine, engine.heap_size, slot)
    engine.heap_size += 1
    sift(engine, slot.place)


cdef inline void take_out(Engine *engine, Slot *slot) noexcept nogil:
    cdef Py_ssize_t at = slot.place
    if at < 0:
        return
    slot.place = -1
    engine.heap_size -= 1
    if at < engine.heap_size:
        place(engine, at, engine.heap[engine.heap_size])
        sift(engine, at)


cdef inline void arm(Engine *engine) noexcept nogil:
    """Set the timer for what is due next."""
    cdef itimerspec time
    cdef int64_t due_ns = engine.notice_due_ns
    if engine.heap_size and engine.heap[0].due_ns < due_ns:
        due_ns = engine.heap[0].due_ns
    if due_ns == engine.armed_ns:
        return
    engine.armed_ns = due_ns
    memset(&time, 0, sizeof(time))
    if due_ns != INT64_MAX:
        due_ns = max(due_ns, 1)  # zero would disarm it
        time.it_value.tv_sec = due_ns // NS_PER_S
        time.it_value.tv_nsec = due_ns % NS_PER_S
    timerfd_settime(engine.timer, TFD_TIMER_ABSTIME, &time, NULL)


cdef inline void finish(Engine *engine, Slot *slot, int outcome, int64_t at_ns) noexcept nogil:
    """Hand a slot over to its owner."""
    cdef int64_t due_ns = engine.noticed_ns + engine.gathered_ns
    take_out(engine, slot)
    slot.state, slot.outcome, slot.answered_ns, slot.next = DONE, outcome, at_ns, NULL
    if engine.last_done == NULL:
        engine.first_done = slot
    else:
        engine.last_done.next = slot
    engine.last_done = slot
    engine.done_count += 1
    if outcome != ANSWERED or slot.size >= LARGE_BYTES or engine.done_count >= ENOUGH:
        due_ns = at_ns
    due_ns = max(due_ns, at_ns)
    if due_ns < engine.notice_due_ns:
        engine.notice_due_ns = due_ns


cdef inline void give_back(Engine *engine, Slot *slot) noexcept nogil:
    """Close a slot that is not current."""
    take_out(engine, slot)
    epoll_ctl(engine.epoll, EPOLL_CTL_DEL, slot.fd, NULL)
    close(slot.fd)
    free(slot.head)
    free(slot.data)
    slot.head = slot.data = NULL
    slot.size = slot.room = 0
    slot.state = FREE
    slot.generation += 1
    slot.next = engine.unused
    engine.unused = slot
