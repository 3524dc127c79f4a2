"""Reading answers piece by piece."""

import random

import pytest

from promscrape.httpclient.answer import HEAD_BYTES, AnswerReader, BodyTooLarge, UnusualAnswer

PLAIN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nDate: now\r\n"
    b"content-encoding:  gzip \r\nContent-Length: 4\r\n\r\na 1\n"
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\na 1\r\n1\r\n\n\r\n00a\r\n0123456789\r\n0\r\n\r\n"
)


def read(data: bytes, size: int, most: int = 100) -> tuple[AnswerReader, bool]:
    """Feed the bytes in pieces of this size; return whether that was the whole answer."""
    reader, whole = AnswerReader(most), False
    for start in range(0, len(data), size):
        assert not whole
        whole = reader.feed(data[start : start + size])
    return reader, whole


@pytest.mark.parametrize("size", range(1, len(PLAIN) + 1))
def test_an_answer_comes_in_pieces_of_any_size(size: int) -> None:
    """H12, H14: its head in any case, with the spaces around values taken off."""
    reader, whole = read(PLAIN, size)
    assert whole
    assert (reader.status, reader.reason, reader.body) == (200, "OK", b"a 1\n")
    assert (reader.content_type, reader.encoding) == ("text/plain; version=0.0.4", "gzip")
    assert reader.keeps_alive


@pytest.mark.parametrize("size", range(1, len(CHUNKED) + 1))
def test_chunks_come_in_pieces_of_any_size(size: int) -> None:
    """H9: as Go's servers send what they did not count."""
    reader, whole = read(CHUNKED, size)
    assert whole
    assert reader.body == b"a 1\n0123456789"
    assert reader.keeps_alive


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
def test_no_part_of_an_answer_is_the_whole(answer: bytes) -> None:
    """H13: what ends early is an error."""
    for end in range(len(answer)):
        assert not AnswerReader(100).feed(answer[:end])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        PLAIN + b"more",
        CHUNKED + b"more",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot",
        b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_some_answers_are_the_last_of_their_connection(answer: bytes) -> None:
    """H9: where the server says so, or what comes next could be anything."""
    reader = AnswerReader(100)
    assert reader.feed(answer)
    assert not reader.keeps_alive


@pytest.mark.parametrize("status", [206, 600, 999])
def test_a_status_may_be_any_final_one(status: int) -> None:
    """T29: those that do not exist, too; to ask the full client would be to ask twice."""
    reader = AnswerReader(100)
    assert reader.feed(b"HTTP/1.1 %d What\r\nContent-Length: 0\r\n\r\n" % status)
    assert reader.status == status


def test_an_answer_without_success_is_whole_with_its_head() -> None:
    """H12: its reason is what counts."""
    reader = AnswerReader(100)
    assert reader.feed(b"HTTP/1.1 503 Out to lunch\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nabc")
    assert (reader.status, reader.reason, reader.location) == (503, "Out to lunch", "/b")
    assert reader.keeps_alive


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH_9.2",
        b"HTTP/2 200 OK\r\nContent-Length: 0",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 0",
        b"HTTP/1.1 200 OK",  # to the end of the connection
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: folded\r\n into two",
        b"HTTP/1.1 200 OK\r\nContent-Length : 0",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\nb",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\x00b",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: upgrade",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * HEAD_BYTES,
    ],
)
def test_what_is_not_surely_plain_is_for_the_full_client(head: bytes) -> None:
    """H9, H13: obs-fold, two lengths and the like are never guessed at."""
    with pytest.raises(UnusualAnswer):
        AnswerReader(100).feed(head + b"\r\n\r\n")


@pytest.mark.parametrize(
    "body", [b"xyz\r\n", b"3;a=b\r\na 1\r\n", b"3\r\na 1\n\n", b"3\r\na 1\rX", b"0\r\nA: b\r\n\r\n"]
)
def test_unusual_chunks_are_for_the_full_client(body: bytes) -> None:
    """H13: extensions, trailers, and what is no chunk."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(UnusualAnswer):
        AnswerReader(100).feed(head + body)


def test_a_head_without_end_is_given_up() -> None:
    """H13: before it has filled the memory."""
    reader = AnswerReader(100)
    assert not reader.feed(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(HEAD_BYTES // 100):
        assert not reader.feed(b"x" * 100)
    with pytest.raises(UnusualAnswer):
        reader.feed(b"x" * 100)


def test_what_begins_as_nothing_known_is_not_waited_for() -> None:
    """H13: it could be the greeting of another protocol, that waits for an answer."""
    reader = AnswerReader(100)
    assert not reader.feed(b"HTT")
    with pytest.raises(UnusualAnswer):
        reader.feed(b"X")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"32\r\n" + b"x" * 50 + b"\r\n") * 2
        + b"1\r\n",
    ],
)
def test_a_body_over_the_limit_is_refused_before_it_comes(answer: bytes) -> None:
    """H15: by what is said of it."""
    with pytest.raises(BodyTooLarge):
        AnswerReader(100).feed(answer)


@pytest.mark.parametrize("size", [1, 7, 200])
@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
def test_the_size_of_a_body_is_known_before_it_is_put_together(answer: bytes, size: int) -> None:
    """Who asks for it may want to do so elsewhere; it may be asked for twice."""
    reader, _ = read(answer, size)
    assert reader.size == len(reader.body) == len(reader.body) == reader.size > 0


@pytest.mark.parametrize("size", [65_536, 99_991])
def test_a_large_body_is_put_together_in_its_order(size: int) -> None:
    """It is done without the interpreter's lock, and is the same body."""
    body = random.Random(size).randbytes(3 << 20)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    reader, whole = read(head + body, size, len(body))
    assert whole
    assert reader.body == body == reader.body


def test_a_body_at_the_limit_is_taken() -> None:
    """H15."""
    reader = AnswerReader(100)
    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100)
    assert len(reader.body) == 100


ERROR = b"HTTP/1.1 400 Bad Request\r\nRetry-After: 7\r\n"


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 14\r\n\r\n0123456789abcd",
        b"Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n6\r\n89abcd\r\n0\r\n\r\n",
    ],
)
def test_errors_are_read_to_their_end_where_bodies_are_drained(rest: bytes, size: int) -> None:
    """T42: their beginning is kept, and the connection serves the next request."""
    reader, whole = AnswerReader(10, drained=14), False
    answer = ERROR + rest
    for start in range(0, len(answer), size):
        assert not whole
        whole = reader.feed(answer[start : start + size])
    assert whole
    assert (reader.status, reader.body, reader.keeps_alive) == (400, b"0123456789", True)
    assert reader.head == answer[: answer.index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize("framing", [b"Content-Length: 99", b"Transfer-Encoding: chunked"])
def test_a_body_that_is_too_long_to_be_drained_costs_its_connection(framing: bytes) -> None:
    """T42: even an endless one, of which the beginning is kept."""
    reader = AnswerReader(10, drained=13)
    assert not reader.feed(ERROR + framing + b"\r\n\r\n")
    begin = b"" if framing.startswith(b"C") else b"99\r\n"
    assert not reader.feed(begin + b"0123456789")
    assert reader.feed(b"abcd")
    assert (reader.body, reader.keeps_alive) == (b"0123456789", False)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_no_body_is_waited_for_where_there_is_none(status: bytes) -> None:
    """T28: whatever such an answer says of its length."""
    reader = AnswerReader(10, drained=13)
    assert reader.feed(b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert reader.keeps_alive
    reader = AnswerReader(10, drained=13)
    assert reader.feed(b"HTTP/1.1 " + status + b"\r\nContent-Length: 7\r\n\r\n")
    assert not reader.keeps_alive


def test_a_text_that_was_read_before_is_the_same_object() -> None:
    """Who compares it with the last one need not look at its letters."""
    answers = [AnswerReader(100), AnswerReader(100)]
    for reader in answers:
        assert reader.feed(bytes(bytearray(PLAIN)))
    first, second = answers
    assert first.content_type is second.content_type
    assert first.encoding is second.encoding
