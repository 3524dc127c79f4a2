"""Answers that readers stumble over, in pieces, and what is seen of a reader that gets one."""

from types import ModuleType

from promscrape.httpclient.answer import BodyTooLarge, UnusualAnswer

FIRST_LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 ",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 400 B\xc3\xa4d\xff",
    b"HTTP/1.1 599 \t",
    b"HTTP/1.1 999 Odd",
    b"HTTP/1.1 100 Continue",
    b"HTTP/1.1 20 OK",
    b"HTTP/1.1 2000 OK",
    b"HTTP/2 200 OK",
    b"SSH-2.0",
]
LINES = [
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
BODY_PIECES = [
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
CHANGES = [b"", b"\r\n", b"\r", b"\n", b" ", b":", b"1", b"\x7f", b"HTTP/1.1"]
_FIELDS = ("status", "keeps_alive", "reason", "content_type", "encoding", "location", "head")


def read(module: ModuleType, pieces: list[bytes], most: int, drained: int) -> list[object]:
    """Return what a twin says after each piece, and what is known at the end."""
    reader = module.AnswerReader(most, drained)
    said: list[object] = []
    for piece in pieces:
        try:
            is_whole = reader.feed(piece)
        except (UnusualAnswer, BodyTooLarge) as exc:
            return [*said, type(exc), reader.status if isinstance(exc, BodyTooLarge) else None]
        said += [is_whole, reader.has_begun]
        if is_whole:
            break
    return [*said, [getattr(reader, name) for name in _FIELDS], reader.body]
