"""What the fleet exposes: a real node_exporter body, made larger, with values that move.

In each variant two fifths of the samples have another value, as on a machine that does something.
Churn gives a share of the series a label that changes from one generation to the next.
"""

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

NODE_EXPORTER: Final = (
    Path(__file__).parents[1] / "tests" / "data" / "node_exporter.txt"
).read_text()

_MOVING_IN_TEN = 4


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
    for line in text.splitlines():
        if line.startswith("#"):
            lines.append(line)
            continue
        moved = _moved(line, number) if index % 10 < _MOVING_IN_TEN else line
        churns = every and index % every == every - 1
        lines.append(_labeled(moved, f'generation="{number}"') if churns else moved)
        index += 1
    return "\n".join(lines) + "\n"


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
