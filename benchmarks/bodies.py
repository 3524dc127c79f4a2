"""What the fleet exposes: a real node_exporter body, made larger, with values that move.

In each variant two fifths of the samples have another value, as on a machine that does something.
Churn gives a share of the series a label that changes from one generation to the next. Either the
generations come round again, or the label goes on counting, and no series is ever seen twice.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, final

NODE_EXPORTER: Final = (
    Path(__file__).parents[1] / "tests" / "data" / "node_exporter.txt"
).read_text()

_MOVING_IN_TEN = 4
_RUNS = 10
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Body(NamedTuple):
    """An exposition as it goes over the wire, either way."""

    plain: bytes
    packed: bytes


def samples_of(text: str) -> int:
    return sum(1 for line in text.splitlines() if line and not line.startswith("#"))


def enlarged(text: str, copies: int) -> str:
    """Return a body with this many times the samples, told apart by a label."""
    return "\n".join(_copied(text, copies)) + "\n"


def shortened(text: str, samples: int) -> str:
    """Return the beginning of a body, as a small target has it."""
    kept, left = list[str](), samples
    for line in text.splitlines():
        if not line.startswith("#"):
            if not left:
                break
            left -= 1
        kept.append(line)
    return "\n".join(kept) + "\n"


def generations(text: str, *, count: int, churn_percent: int = 0) -> Sequence[Body]:
    """Return `count` bodies to serve one after the other; the first comes after the last again."""
    return [_packed(_generation(text, number, churn_percent)) for number in range(count)]


@final
class Endless:
    """A body whose churning series have new names each time, for little more than their own lines.

    All else is packed beforehand, as blocks of one gzip member that need nothing before them. The
    churning series lie together in a few places, as those of new pods do within their families.
    """

    def __init__(self, text: str, *, number: int, churn_percent: int) -> None:
        self._parts = [
            (plain := fixed.encode(), _deflated(plain), new)
            for fixed, new in _runs(text, number, 100 // churn_percent)
        ]

    def named(self, name: str) -> Body:
        """Return the body in which the churning series are those of `name`."""
        plain, packed, checksum = list[bytes](), [_GZIP_HEAD], 0
        for fixed, deflated, lines in self._parts:
            new = "".join(
                [_labeled(line, f'generation="{name}"') + "\n" for line in lines]
            ).encode()
            plain += (fixed, new)
            packed += (deflated, _deflated(new))
            checksum = zlib.crc32(new, zlib.crc32(fixed, checksum))
        whole = b"".join(plain)
        packed += (_deflated(b"", zlib.Z_FINISH), struct.pack("<II", checksum, len(whole)))
        return Body(whole, b"".join(packed))


def _runs(text: str, number: int, every: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of a generation that stay, and the samples that are new after them."""
    lines = _moved_lines(text, number)
    size = -(-len(lines) // _RUNS)
    index = 0
    for start in range(0, len(lines), size):
        fixed, new = list[str](), list[str]()
        for line in lines[start : start + size]:
            index += not line.startswith("#")
            is_new = not line.startswith("#") and index % every == 0
            (new if is_new else fixed).append(line)
        yield "\n".join(fixed) + "\n", new


def _deflated(plain: bytes, end: int = zlib.Z_FULL_FLUSH) -> bytes:
    packer = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    return packer.compress(plain) + packer.flush(end)


def _copied(text: str, copies: int) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("#") or copies == 1:
            yield line
            continue
        for copy in range(copies):
            yield _labeled(line, f'copy="{copy}"')


def _generation(text: str, number: int, churn_percent: int) -> str:
    lines, index = list[str](), 0
    every = 100 // churn_percent if churn_percent else 0
    for line in _moved_lines(text, number):
        if not line.startswith("#"):
            index += 1
            if every and index % every == 0:
                lines.append(_labeled(line, f'generation="{number}"'))
                continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def _moved_lines(text: str, number: int) -> list[str]:
    """Return the lines of a body with two fifths of the values moved."""
    lines, index = list[str](), 0
    for line in text.splitlines():
        if line.startswith("#"):
            lines.append(line)
            continue
        lines.append(_moved(line, number) if index % 10 < _MOVING_IN_TEN else line)
        index += 1
    return lines


def _labeled(line: str, label: str) -> str:
    series, _, value = line.rpartition(" ")
    if series.endswith("}"):
        return f"{series[:-1]},{label}}} {value}"
    return f"{series}{{{label}}} {value}"


def _moved(line: str, number: int) -> str:
    """Return a sample with another value of about as many digits."""
    series, _, value = line.rpartition(" ")
    if value.isdigit():
        return f"{series} {int(value) + number}"
    try:
        return f"{series} {float(value) * (1 + number / 1000):.9g}"
    except ValueError:
        return line


def _packed(text: str) -> Body:
    plain = text.encode()
    return Body(plain, gzip.compress(plain, 6, mtime=0))
