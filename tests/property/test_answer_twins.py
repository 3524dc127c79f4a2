"""The compiled reader of answers agrees with the plain one, which defines it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promscrape.httpclient import _answer_py as plain
from promscrape.httpclient.answer import HEAD_BYTES, BodyTooLarge, UnusualAnswer

compiled = pytest.importorskip("promscrape.httpclient._answer_c")

LINES = st.sampled_from(
    [
        b"Content-Length: 4",
        b"CONTENT-LENGTH:\t12 \t",
        b"content-length: ",
        b"Content-Length: 999999999999999999",
        b"Content-Length: 1234567890123456789",
        b"Transfer-Encoding: chunked",
        b"transfer-encoding: CHUNKED ",
        b"Transfer-Encoding: gzip",
        b"Connection: close",
        b"Connection: Keep-Alive",
        b"Connection:",
        b"Connection: upgrade",
        b"Content-Type: text/plain; version=0.0.4",
        b"Content-Type: \xc3\xa4\xff",
        b"Content-Type: " + b"t" * 200,
        b"Content-Encoding:gzip",
        b"Location:  /there\t",
        b"Date: Tue, 14 Nov 2023 22:13:20 GMT",
        b"X!#$%&'*+-.^_`|~9: \x80 y",
        b"content^length: 4",
        b"X : y",
        b": y",
        b"",
        b" folded",
        b"X: a\nb",
        b"X: a\x00b",
        b"X: " + b"y" * 4000,
    ]
)
FIRST = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 ",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.1 304 Not Modified",
        b"HTTP/1.1 400 B\xc3\xa4d\xff",
        b"HTTP/1.1 599 \t",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/2 200 OK",
        b"SSH-2.0",
    ]
)
BODY = st.lists(
    st.sampled_from(
        [
            b"abcd",
            b"4\r\nabcd\r\n",
            b"00C\r\n0123456789ab\r\n",
            b"0\r\n\r\n",
            b"0\r\n",
            b"\r\n",
            b"\r",
            b"4;a=b\r\nabcd\r\n",
            b"4\r\nabcd\n\r",
            b"123456789012345\r\n",
            b"1234567890123456\r\n",
            b"0\r\nA: b\r\n\r\n",
        ]
    ),
    max_size=5,
).map(b"".join)
FIELDS = ("status", "keeps_alive", "reason", "content_type", "encoding", "location", "head")


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer of the pieces that readers stumble over, with a few bytes changed now and then."""
    lines = [draw(FIRST), *draw(st.lists(LINES, max_size=5))]
    answer = bytearray(b"\r\n".join(lines) + b"\r\n\r\n" + draw(BODY))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(answer)))
        answer[at : at + draw(st.integers(0, 3))] = draw(
            st.sampled_from([b"", b"\r\n", b"\r", b"\n", b" ", b":", b"1", b"\x7f", b"HTTP/1.1"])
        )
    return bytes(answer)


def read(module: object, pieces: list[bytes], most: int, drained: int) -> list[object]:
    """Return what a twin says after each piece, and what is known at the end."""
    reader = module.AnswerReader(most, drained)  # type: ignore[attr-defined]  # either twin
    said: list[object] = []
    for piece in pieces:
        try:
            is_whole = reader.feed(piece)
        except (UnusualAnswer, BodyTooLarge) as exc:
            return [*said, type(exc), reader.status if isinstance(exc, BodyTooLarge) else None]
        said += [is_whole, reader.has_begun]
        if is_whole:
            break
    return [*said, [getattr(reader, name) for name in FIELDS], reader.body]


@settings(max_examples=1000)
@given(
    answers(),
    st.lists(st.integers(0, HEAD_BYTES + 200), max_size=6),
    st.sampled_from([0, 5, 12, 1000]),
    st.sampled_from([0, 0, 3, 12, 500]),
)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", [], 4, 0)
@example(b"HTTP/1.1 200 OK\r\nX: " + b"y" * (HEAD_BYTES - 24) + b"\r\n\r\n", [7], 4, 0)
@example(b"HTTP/1.1 200 OK\r\nX: " + b"y" * (HEAD_BYTES - 25) + b"\r\n\r\n", [8000], 4, 0)
def test_both_read_the_same_in_any_splitting(
    answer: bytes, cuts: list[int], most: int, drained: int
) -> None:
    """H9, H13, H15: what is taken, what is kept, and what is refused."""
    ends = [*sorted(cut % (len(answer) + 1) for cut in cuts), len(answer)]
    pieces = [answer[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert read(compiled, pieces, most, drained) == read(plain, pieces, most, drained)


@given(answers())
def test_both_read_the_same_byte_by_byte(answer: bytes) -> None:
    """H13: every state is entered at a piece's end."""
    pieces = [bytes([byte]) for byte in answer]
    assert read(compiled, pieces, 12, 0) == read(plain, pieces, 12, 0)
    assert read(compiled, pieces, 5, 12) == read(plain, pieces, 5, 12)
