"""Compares the twins of the reader of HTTP answers on as many answers as are asked for.

    .venv/bin/python -m tests.fuzz.answers --answers=1000000 --seed=1

Answers are put together from pieces that readers stumble over, with some bytes changed, and come
in any splitting. A disagreement ends the run with the pieces that led to it. The same seed makes
the same answers.
"""

import argparse
import random
import sys
from collections.abc import Sequence

from promscrape.httpclient import _answer_c, _answer_py
from tests.support.answer_pieces import BODY_PIECES, CHANGES, FIRST_LINES, LINES, read

REPORT_EVERY = 100_000


def made_up(chance: random.Random) -> bytes:
    """Return an answer, mangled two times in three."""
    lines = [chance.choice(FIRST_LINES), *chance.choices(LINES, k=chance.randrange(6))]
    body = chance.choices(BODY_PIECES, k=chance.randrange(6))
    answer = bytearray(b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(body))
    for _ in range(chance.randrange(3)):
        at = chance.randrange(len(answer) + 1)
        answer[at : at + chance.randrange(4)] = chance.choice(CHANGES)
    return bytes(answer)


def split(answer: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.randrange(len(answer) + 1) for _ in range(chance.choice([0, 1, 2, 9])))
    return [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)]


def compare(pieces: list[bytes], chance: random.Random) -> None:
    """Read an answer with both twins; raises AssertionError where they differ."""
    most, drained = chance.choice([0, 5, 12, 1000]), chance.choice([0, 0, 3, 12, 500])
    plain = read(_answer_py, pieces, most, drained)
    compiled = read(_answer_c, pieces, most, drained)
    assert compiled == plain, f"{pieces!r} {most} {drained}\n{plain}\n{compiled}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    for done in range(1, options.answers + 1):
        compare(split(made_up(chance), chance), chance)
        if done % REPORT_EVERY == 0:
            sys.stdout.write(f"{done} answers agree\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
