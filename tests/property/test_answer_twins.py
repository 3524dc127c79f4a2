"""The compiled reader of answers agrees with the plain one, which defines it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promscrape.httpclient import _answer_py as plain
from promscrape.httpclient.answer import HEAD_BYTES
from tests.support.answer_pieces import BODY_PIECES, CHANGES, FIRST_LINES, LINES, read

compiled = pytest.importorskip("promscrape.httpclient._answer_c")


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer of the pieces that readers stumble over, with a few bytes changed now and then."""
    lines = [
        draw(st.sampled_from(FIRST_LINES)),
        *draw(st.lists(st.sampled_from(LINES), max_size=5)),
    ]
    body = draw(st.lists(st.sampled_from(BODY_PIECES), max_size=5))
    answer = bytearray(b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(body))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(answer)))
        answer[at : at + draw(st.integers(0, 3))] = draw(st.sampled_from(CHANGES))
    return bytes(answer)


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
