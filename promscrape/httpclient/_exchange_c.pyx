# cython: language_level=3
# cython: boundscheck=False, wraparound=False
#   Slots are found by numbers that the engine gave itself.
"""Sends requests when they are due, and takes the answers, in a thread that needs no interpreter.

See `lease.py` for what it is good for. Everything of `Engine` and `Slot` is behind the engine's lock,
but for what the thread is just sending or receiving: that slot is `current`, and who wants to close
it leaves it to the thread.

It is a little long with the names of the calls to the system, each on its line.
"""

import os
from _thread import start_new_thread

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.stdint cimport INT64_MAX, UINT32_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from promscrape.httpclient._linux cimport (
    CLOCK_MONOTONIC,
    EFD_CLOEXEC,
    EFD_NONBLOCK,
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLLET,
    EPOLLIN,
    EPOLLRDHUP,
    F_DUPFD_CLOEXEC,
    TFD_CLOEXEC,
    TFD_NONBLOCK,
    TFD_TIMER_ABSTIME,
    close,
    epoll_create1,
    epoll_ctl,
    epoll_event,
    epoll_wait,
    eventfd,
    fcntl,
    itimerspec,
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    read,
    timerfd_create,
    timerfd_settime,
    write,
)
from promscrape.httpclient._slots cimport (
    BOOKED,
    DONE,
    EVENTS,
    FREE,
    IDLE,
    NOT_SENT,
    NS_PER_S,
    SENT,
    TIMED_OUT,
    Engine,
    Slot,
    arm,
    finish,
    give_back,
    now_ns,
    put,
    sift,
    take_out,
)
from promscrape.httpclient._transfer cimport ask, receive


# The thread's part.

cdef void attend(Engine *engine, Slot *slot, bint is_asking, bint is_ending) noexcept nogil:
    """Send or receive, without the lock."""
    cdef int outcome
    engine.current = slot
    pthread_mutex_unlock(&engine.lock)
    outcome = ask(slot) if is_asking else receive(slot, is_ending)
    pthread_mutex_lock(&engine.lock)
    engine.current = NULL
    if slot.is_closing:
        give_back(engine, slot)
    elif outcome:
        finish(engine, slot, outcome, now_ns(CLOCK_MONOTONIC))


cdef void take_event(Engine *engine, const epoll_event *event) noexcept nogil:
    cdef uint64_t which = event.data.u64
    cdef uint32_t index = <uint32_t> which
    cdef Slot *slot
    if index == UINT32_MAX:  # no slot: the timer
        engine.armed_ns = INT64_MAX
        return
    slot = engine.slots[index]
    if slot.generation != <uint32_t> (which >> 32):
        return  # that one is closed
    if slot.state == SENT:
        attend(engine, slot, False, event.events & ~EPOLLIN != 0)
        return
    # It ended, or said something that it was not asked.
    slot.is_broken = True
    if slot.state == BOOKED:
        finish(engine, slot, NOT_SENT, now_ns(CLOCK_MONOTONIC))


cdef void do_what_is_due(Engine *engine) noexcept nogil:
    cdef int64_t at_ns = now_ns(CLOCK_MONOTONIC)
    cdef uint64_t one = 1
    cdef Slot *slot
    while engine.heap_size and engine.heap[0].due_ns <= at_ns:
        slot = engine.heap[0]
        if slot.state == SENT:
            finish(engine, slot, TIMED_OUT, at_ns)
            continue
        slot.state = SENT
        slot.due_ns = at_ns + slot.timeout_ns
        sift(engine, 0)
        attend(engine, slot, True, False)
    at_ns = now_ns(CLOCK_MONOTONIC)
    if engine.notice_due_ns <= at_ns:
        engine.notice_due_ns, engine.noticed_ns = INT64_MAX, at_ns
        write(engine.notices, &one, sizeof(one))


cdef void run(Engine *engine) noexcept nogil:
    cdef epoll_event[EVENTS] events
    cdef int count, at
    pthread_mutex_lock(&engine.lock)
    while not engine.is_stopping:
        arm(engine)
        pthread_mutex_unlock(&engine.lock)
        count = epoll_wait(engine.epoll, events, EVENTS, -1)
        pthread_mutex_lock(&engine.lock)
        for at in range(count):
            take_event(engine, &events[at])
        do_what_is_due(engine)
    pthread_mutex_unlock(&engine.lock)


# The owner's part.

cdef class Exchanges:
    cdef Engine _engine
    cdef list _by_index
    cdef bint _is_open

    def __cinit__(self):
        self._engine.epoll = self._engine.timer = self._engine.notices = -1
        pthread_mutex_init(&self._engine.lock, NULL)

    def __init__(self, double gathered_s):
        cdef Engine *engine = &self._engine
        cdef epoll_event event
        if self._by_index is not None:
            raise RuntimeError("made before")
        self._by_index = []
        engine.gathered_ns = <int64_t> (gathered_s * NS_PER_S)
        engine.notice_due_ns = engine.armed_ns = INT64_MAX
        engine.epoll = checked(epoll_create1(EPOLL_CLOEXEC))
        engine.timer = checked(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK))
        engine.notices = checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
        # Each setting makes it ready anew, so that it need not be read.
        event.events, event.data.u64 = EPOLLIN | EPOLLET, UINT32_MAX
        checked(epoll_ctl(engine.epoll, EPOLL_CTL_ADD, engine.timer, &event))
        self._is_open = True
        # One of `threading` would be waited for, here and at its end: this one needs nobody.
        start_new_thread(self._run, ())

    def _run(self):
        with nogil:
            run(&self._engine)

    def fileno(self):
        return self._engine.notices

    def take(self):
        cdef Engine *engine = &self._engine
        cdef uint64_t count
        cdef Slot *slot
        cdef Slot *following
        cdef Exchange exchange
        cdef list done = []
        read(engine.notices, &count, sizeof(count))
        pthread_mutex_lock(&engine.lock)
        slot = engine.first_done
        engine.first_done = engine.last_done = NULL
        engine.done_count = 0
        engine.notice_due_ns = INT64_MAX
        while slot != NULL:
            following = slot.next
            if slot.is_closing:
                give_back(engine, slot)
            else:
                slot.state = IDLE
                exchange = self._by_index[slot.index]
                done.append(exchange._waiter)
                exchange._waiter = None
            slot = following
        pthread_mutex_unlock(&engine.lock)
        return done

    def open(self, int fd, bytes head not None):
        cdef Engine *engine = &self._engine
        cdef Exchange exchange = Exchange.__new__(Exchange)
        cdef Slot *slot
        cdef epoll_event event
        if not self._is_open:
            raise RuntimeError("closed")
        pthread_mutex_lock(&engine.lock)
        slot = unused_slot(engine)
        pthread_mutex_unlock(&engine.lock)
        if slot == NULL:
            raise MemoryError
        exchange._among, exchange._slot = self, slot
        # Its own number, so that nobody else's socket can come to have it.
        slot.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)
        slot.head_size = len(head)
        slot.head = <char *> malloc(max(slot.head_size, 1))
        slot.is_broken = slot.is_closing = False
        slot.state, slot.place = IDLE, -1
        if slot.fd < 0 or slot.head == NULL:
            exchange.close()
            raise OSError("no room for another connection")
        memcpy(slot.head, <const char *> head, slot.head_size)
        if slot.index == len(self._by_index):
            self._by_index.append(exchange)
        else:
            self._by_index[slot.index] = exchange
        event.events = EPOLLIN | EPOLLRDHUP | EPOLLET
        event.data.u64 = (<uint64_t> slot.generation << 32) | slot.index
        if epoll_ctl(engine.epoll, EPOLL_CTL_ADD, slot.fd, &event):
            exchange.close()
            raise OSError("the connection cannot be watched")
        return exchange

    def close(self):
        cdef Engine *engine = &self._engine
        cdef uint64_t one = 1
        cdef itimerspec at_once
        if not self._is_open:
            return
        self._is_open = False
        for exchange in self._by_index:
            if exchange is not None:
                exchange.close()
        pthread_mutex_lock(&engine.lock)
        engine.is_stopping = True
        memset(&at_once, 0, sizeof(at_once))
        at_once.it_value.tv_nsec = 1
        timerfd_settime(engine.timer, TFD_TIMER_ABSTIME, &at_once, NULL)
        pthread_mutex_unlock(&engine.lock)

    def __dealloc__(self):
        # The thread has a reference for as long as it runs.
        cdef Engine *engine = &self._engine
        cdef uint32_t index
        for index in range(engine.slot_count):
            if engine.slots[index].state != FREE:
                give_back(engine, engine.slots[index])
            free(engine.slots[index])
        free(engine.slots)
        free(engine.heap)
        for fd in (engine.epoll, engine.timer, engine.notices):
            if fd >= 0:
                close(fd)
        pthread_mutex_destroy(&engine.lock)


cdef int checked(int result) except -1:
    if result < 0:
        raise OSError(errno, os.strerror(errno))
    return result


cdef Slot *unused_slot(Engine *engine) noexcept nogil:
    """Return a slot that nobody has; NULL without memory for one."""
    cdef Slot *slot = engine.unused
    cdef Slot **slots
    cdef Slot **heap
    cdef uint32_t room
    if slot != NULL:
        engine.unused = slot.next
        return slot
    if engine.slot_count == engine.slot_room:
        room = max(2 * engine.slot_room, 64)
        slots = <Slot **> realloc(engine.slots, room * sizeof(Slot *))
        if slots == NULL:
            return NULL
        engine.slots = slots
        heap = <Slot **> realloc(engine.heap, room * sizeof(Slot *))
        if heap == NULL:
            return NULL
        engine.heap, engine.slot_room = heap, room
    slot = <Slot *> calloc(1, sizeof(Slot))
    if slot != NULL:
        slot.index, slot.fd = engine.slot_count, -1
        engine.slots[engine.slot_count] = slot
        engine.slot_count += 1
    return slot


cdef class Exchange:
    cdef Exchanges _among
    cdef Slot *_slot
    cdef object _waiter

    def book(self, double due_s, double timeout_s, waiter not None):
        cdef Slot *slot = self._slot
        cdef Engine *engine
        if slot == NULL:
            return False
        engine = &self._among._engine
        pthread_mutex_lock(&engine.lock)
        if slot.is_broken or slot.state != IDLE:
            pthread_mutex_unlock(&engine.lock)
            return False
        self._waiter = waiter
        free(slot.data)
        slot.data = NULL
        slot.size = slot.room = 0
        slot.expected = slot.sent_ns = 0
        slot.outcome = slot.error = 0
        slot.due_ns, slot.timeout_ns = <int64_t> (due_s * NS_PER_S), <int64_t> (timeout_s * NS_PER_S)
        slot.state = BOOKED
        put(engine, slot)
        if slot.due_ns < engine.armed_ns:
            arm(engine)
        pthread_mutex_unlock(&engine.lock)
        return True

    def withdraw(self):
        cdef Slot *slot = self._slot
        cdef Engine *engine
        cdef bint is_booked
        if slot == NULL:
            return False
        engine = &self._among._engine
        pthread_mutex_lock(&engine.lock)
        is_booked = slot.state == BOOKED
        if is_booked:
            take_out(engine, slot)
            slot.state, slot.outcome = IDLE, 0
        pthread_mutex_unlock(&engine.lock)
        if is_booked:
            self._waiter = None
        return is_booked

    @property
    def is_idle(self):
        cdef Slot *slot = self._slot
        return slot != NULL and slot.state == IDLE and not slot.outcome and not slot.is_broken

    @property
    def outcome(self):
        return self._checked().outcome

    @property
    def error(self):
        return self._checked().error

    @property
    def sent_s(self):
        return self._checked().sent_ns / 1e9

    @property
    def sent_wall_ns(self):
        return self._checked().sent_wall_ns

    @property
    def waited_s(self):
        cdef Slot *slot = self._checked()
        return (slot.answered_ns - slot.sent_ns) / 1e9

    def data(self):
        cdef Slot *slot = self._checked()
        return PyBytes_FromStringAndSize(slot.data, slot.size) if slot.size else b""

    def settle(self):
        self._checked().outcome = 0

    cdef Slot *_checked(self) except NULL:
        if self._slot == NULL or self._slot.state != IDLE:
            raise RuntimeError("asked for an answer while there is none")
        return self._slot

    def close(self):
        cdef Slot *slot = self._slot
        cdef Engine *engine
        cdef list by_index
        if slot == NULL:
            return
        engine = &self._among._engine
        by_index = self._among._by_index
        self._slot, self._waiter = NULL, None
        pthread_mutex_lock(&engine.lock)
        if slot.index < <uint32_t> len(by_index) and by_index[slot.index] is self:
            by_index[slot.index] = None
        if engine.current == slot or slot.state == DONE:
            # The thread is at it, or it stands in the list of what is done.
            slot.is_closing = True
        else:
            give_back(engine, slot)
        pthread_mutex_unlock(&engine.lock)
