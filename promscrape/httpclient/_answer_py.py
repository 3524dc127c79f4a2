"""An answer of HTTP/1.1, read as it comes: only what nearly every server says.

Strict, bounded, and without a choice of its own: what is not surely well-formed, or well-formed
and rare, is `UnusualAnswer`, for the full client to judge.
"""

import re
from functools import lru_cache
from typing import final

from promscrape.httpclient.answer_error import HEAD_BYTES, BodyTooLarge, UnusualAnswer

_OK = 200
_WITHOUT_BODY = frozenset({204, 304})

_TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]"
_TOKEN = rb"[A-Za-z0-9!#$%&'*+\-.^_`|~]"
_BEGIN = b"HTTP/1."
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([2-9][0-9][0-9])(?: (" + _TEXT + rb"*+))?"
    rb"((?:\r\n" + _TOKEN + rb"++:" + _TEXT + rb"*+)*+)\r\n\r\n"
)
_FIELD = re.compile(
    rb"\r\n(content-(?:length|type|encoding)|transfer-encoding|connection|location):([^\r]*+)",
    re.IGNORECASE,
)
_SINGLE = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_PART_OF_LINE = re.compile(rb"[0-9A-Fa-f]{0,15}\r?")
_LAST_CHUNK = b"\r\n"


@final
class AnswerReader:
    """Takes one answer, piece by piece.

    most: how many bytes of a body are kept.
    drained: 0 where a longer body is BodyTooLarge, and that of an answer which is no success (200)
        is not waited for. Else all bodies are read, to keep their beginning and the connection;
        at this many bytes the connection is given up and the answer is whole.

    status: 0 until the head was read. head: its bytes, where bodies are drained.
    keeps_alive: whether another request can follow.

    Texts that are said again and again are mostly one object each time.
    """

    __slots__ = (
        "_chunked",
        "_drained",
        "_left",
        "_most",
        "_parts",
        "_rest",
        "_size",
        "content_type",
        "encoding",
        "head",
        "keeps_alive",
        "location",
        "reason",
        "status",
    )

    def __init__(self, most: int, drained: int = 0) -> None:
        self._most, self._drained, self._size, self._left = most, drained, 0, 0
        self._parts: list[bytes] = []
        self._rest = self.head = b""
        self._chunked = False
        self.status = 0
        self.reason = self.content_type = self.encoding = self.location = ""
        self.keeps_alive = False

    @property
    def has_begun(self) -> bool:
        """Whether a byte of the answer has come."""
        return bool(self.status or self._rest)

    @property
    def size(self) -> int:
        """How much of a body there is."""
        return sum(map(len, self._parts))

    @property
    def body(self) -> bytes:
        """The body so far; once it was asked for, there is nothing more to feed."""
        if len(self._parts) != 1:
            # What came is not kept twice, and is let go in the thread that asks.
            self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; return whether the answer is whole.

        Raises UnusualAnswer and BodyTooLarge, after which there is nothing more to feed.
        """
        if not self.status:
            data = self._rest + data if self._rest else data
            end = data.find(b"\r\n\r\n", 0, HEAD_BYTES)
            if end < 0:
                if len(data) >= HEAD_BYTES or not data.startswith(_BEGIN[: len(data)]):
                    raise UnusualAnswer
                self._rest = data
                return False
            self._rest = b""
            end += 4
            self._read_head(data[:end])
            if self._drained:
                self.head = data[:end]
            data = data[end:]
            if self.status in _WITHOUT_BODY or (self.status != _OK and not self._drained):
                self.keeps_alive = (
                    self.keeps_alive and not self._chunked and len(data) == self._left
                )
                return True
        return self._take_chunks(data) if self._chunked else self._take(data)

    def _read_head(self, head: bytes) -> None:
        matched = _HEAD.fullmatch(head)
        if matched is None:
            raise UnusualAnswer
        minor, status, reason, lines = matched.groups(b"")
        fields: dict[bytes, bytes] = {}
        for spelt, value in _FIELD.findall(lines):
            name = spelt.lower()
            if name not in fields:
                fields[name] = value.strip(b" \t")
            elif name in _SINGLE:
                raise UnusualAnswer
        self.status = int(status)
        self.reason = _text(reason)
        self._frame(fields, is_http_1_1=minor == b"1")
        for name, value in fields.items():
            if name == b"content-type":
                self.content_type = _text(value)
            elif name == b"content-encoding":
                self.encoding = _text(value)
            elif name == b"location":
                self.location = value.decode("utf-8", "surrogateescape")

    def _frame(self, fields: dict[bytes, bytes], *, is_http_1_1: bool) -> None:
        """Find out where the body ends, and whether another answer may follow it."""
        coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
        connection = fields.get(b"connection", b"").lower()
        if connection not in (b"", b"close", b"keep-alive"):
            raise UnusualAnswer
        self.keeps_alive = is_http_1_1 and connection != b"close"
        if coding is not None:
            if coding.lower() != b"chunked" or length is not None or not is_http_1_1:
                raise UnusualAnswer
            self._chunked = True
        elif length is not None:
            if not _LENGTH.fullmatch(length):
                raise UnusualAnswer
            self._left = int(length)
        elif self.status not in _WITHOUT_BODY:
            raise UnusualAnswer
        if self.status == _OK and self._left > self._most and not self._drained:
            raise BodyTooLarge

    def _take(self, data: bytes) -> bool:
        if len(data) > self._left:
            data = data[: self._left]
            self.keeps_alive = False
        self._left -= len(data)
        return self._keep(data) or not self._left

    def _keep(self, part: bytes) -> bool:
        """Keep what is to be kept of a part of the body; return whether the rest is given up."""
        if self._drained:
            room = max(self._most - self._size, 0)
            self._size += len(part)
            part = part[:room]
        if part:
            self._parts.append(part)
        if self._size <= self._drained or not self._drained:
            return False
        self.keeps_alive = False
        return True

    def _take_chunks(self, data: bytes) -> bool:
        """As `feed`, for a body in chunks; `_left` is what is missing of one, with its line end."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, size = 0, len(data)
        while at < size:
            if self._left:
                at, is_given_up = self._take_of_chunk(data, at)
                if is_given_up:
                    return True
                continue
            matched = _CHUNK.match(data, at)
            if matched is None:
                return self._wait_for_line(data[at:])
            length = int(matched[1], 16)
            if not length:
                return self._take_last_chunk(data, at, matched.end())
            if not self._drained:
                self._size += length
                if self._size > self._most:
                    raise BodyTooLarge
            self._left = length + 2
            at = matched.end()
        return False

    def _take_of_chunk(self, data: bytes, at: int) -> tuple[int, bool]:
        """Take what there is of a chunk; return where it ends in `data`, and what `_keep` says."""
        left, end = self._left, min(at + self._left, len(data))
        body_end = min(end, at + max(left - 2, 0))
        is_given_up = self._keep(data[at:body_end])
        taken = max(2 - left, 0)
        if data[body_end:end] != b"\r\n"[taken : taken + end - body_end]:
            raise UnusualAnswer
        self._left = left - (end - at)
        return end, is_given_up

    def _take_last_chunk(self, data: bytes, at: int, end: int) -> bool:
        after = data[end : end + 2]
        if after == _LAST_CHUNK:
            self.keeps_alive = self.keeps_alive and len(data) == end + 2
            return True
        if not _LAST_CHUNK.startswith(after):
            raise UnusualAnswer  # trailers
        self._rest = data[at:]
        return False

    def _wait_for_line(self, line: bytes) -> bool:
        if not _PART_OF_LINE.fullmatch(line):
            raise UnusualAnswer
        self._rest = line
        return False


@lru_cache(maxsize=16)
def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
