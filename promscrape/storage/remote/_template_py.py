"""What requests of version 1.0 are made of: the twin that says what comes out.

A body is a message packed with snappy: the message's size, then elements, each of which stands for
some bytes of it. Elements of rows that copy from each other alone can stand anywhere, so a body is
put together from pieces. What differs between two requests with the same rows are the values and
one time; a template knows the rest, and makes the elements of any rows that follow each other.
"""

from array import array
from typing import Final, final

import cramjam

from promscrape.model.varint import uvarint

REACH: Final = 256
"""A row's elements copy from rows that are less far back than that."""

FIRST_MS: Final = 1 << 35
END_MS: Final = 1 << 42
"""The times that templates write, all of one size: from 1971 to before 2109."""

_MAX_LABELS: Final = 8000
_MAX_MESSAGE: Final = 1 << 24
_NOTHING: Final = b"\x12\x00"  # a sample that has neither a value nor a time
_BYTES_BESIDE_LABELS: Final = 33  # of an object


@final
class Template:
    """The rows of one array, as far as they were added.

    memory: how many bytes it takes, about.
    """

    def __init__(self) -> None:
        self._labels: list[bytes] = []
        self.memory = 0

    @property
    def rows(self) -> int:
        return len(self._labels)

    def add(self, message: bytes, known: int) -> bool:
        """Take over the rows of a message, each with no value and no time, as `Encoder` makes them.

        The first `known` of them are the last ones that were added before: as many as `REACH`,
        where there are. False, and nothing is taken over, where a row is too long for a template,
        or empty. Raises ValueError where it is no such message.
        """
        if len(message) > _MAX_MESSAGE:
            return False
        labels = list(_split(message))
        if len(labels) < known:
            raise ValueError("no message of rows without values and times")
        if any(not 0 < len(one) <= _MAX_LABELS for one in labels):
            return False
        self._labels += labels[known:]
        self.memory += sum(len(one) + _BYTES_BESIDE_LABELS for one in labels[known:])
        return True

    def elements(
        self, values: "array[float]", place: int, t_ms: int, labels: bytes = b""
    ) -> tuple[bytes, int]:
        """Return elements of rows from `place` on, a value each, and how much they stand for.

        labels: unless these are the template's first rows, a message of the first `REACH` of
            them as `add` takes it: they may have copied from rows that are not in the body.
        Raises ValueError for rows that are not there, other labels than that, and a time from
        before FIRST_MS or from END_MS on.
        """
        if place < 0 or place + len(values) > self.rows:
            raise ValueError("rows that the template does not have")
        if not FIRST_MS <= t_ms < END_MS:
            raise ValueError("a time that templates do not have")
        given = min(len(values), REACH) if place else 0
        if [len(own) for own in _split(labels)] != [
            len(own) for own in self._labels[place : place + given]
        ]:
            raise ValueError("labels that the template does not have")
        tail = b"\x10" + uvarint(t_ms)
        raw = values.tobytes()
        message = b"".join(
            _series(self._labels[place + at], raw[8 * at : 8 * at + 8], tail)
            for at in range(len(values))
        )
        return elements_of(message) if message else b"", len(message)


def elements_of(message: bytes) -> bytes:
    """Return the elements of a message or a part of one."""
    packed = bytes(cramjam.snappy.compress_raw(message))
    return packed[len(uvarint(len(message))) :]


def _series(labels: bytes, value: bytes, tail: bytes) -> bytes:
    sample = b"\x09" + value + tail if any(value) else tail
    body = labels + b"\x12" + uvarint(len(sample)) + sample
    return b"\x0a" + uvarint(len(body)) + body


def _split(message: bytes) -> list[bytes]:
    """Return the labels of each row."""
    found, at = [], 0
    while at < len(message):
        size, begin = _size_at(message, at)
        end = begin + size
        if size < len(_NOTHING) or end > len(message) or not message.endswith(_NOTHING, at, end):
            raise ValueError("no message of rows without values and times")
        found.append(message[begin : end - len(_NOTHING)])
        at = end
    return found


def _size_at(message: bytes, at: int) -> tuple[int, int]:
    """Return the size of the field at this place, and where its contents begin."""
    size = shift = 0
    if message[at] != 0x0A:  # the tag of a TimeSeries
        raise ValueError("no message of rows without values and times")
    for begin in range(at + 1, len(message)):
        size |= (message[begin] & 0x7F) << shift
        shift += 7
        if message[begin] < 1 << 7:
            return size, begin + 1
    raise ValueError("no message of rows without values and times")
