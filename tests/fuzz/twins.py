"""Compares the twins of the scanner on made-up and mangled bodies, as many as are asked for.

    .venv/bin/python -m tests.fuzz.twins --bodies=1000000 --seed=1

Bodies are put together from pieces that parsers stumble over, and from the last bodies with some
bytes changed, so that most lines are known and the walk beside the last body is what is tried. A
disagreement ends the run with the bodies that led to it. The same seed makes the same bodies.
"""

import argparse
import random
import sys
import time
from collections.abc import Sequence

from promscrape.exposition.text_format import OPENMETRICS_TEXT, PROMETHEUS_TEXT
from tests.support.scanner_pair import ScannerPair

NAMES = [b"a", b"ab", b"up", b"m:x", b"_", b"h_bucket", b"9", b""]
LABELS = [
    b"",
    b"{}",
    b'{a="b"}',
    b'{le="1"}',
    b'{le="1e3",a="x"}',
    b'{quantile="0.50"}',
    b'{a="\\n\\"",b="\xc3\xa9"}',
    b'{a="b",}',
    b'{"q",a="\xff"}',
    b'{"q.r"}',
    b'{a="b"',
    b'{ a = "b" }',
    b'{a="x\ny"}',
]
GAPS = [b" ", b" ", b" ", b" ", b"", b"  ", b"\t"]
VALUES = [
    b"1",
    b"0",
    b"-0",
    b"1.5",
    b".5",
    b"5.",
    b"1e5",
    b"1e-400",
    b"1e400",
    b"NaN",
    b"nan",
    b"+Inf",
    b"-Inf",
    b"inf",
    b"Infinity",
    b"0x1p3",
    b"1_0",
    b"1.7976931348623157e308",
    b"4.9e-324",
    b"2.2250738585072011e-308",
    b"9007199254740993",
    b"123456789012345678901234567890",
    b"0.000000000000000000000012345678901234567",
    b"-",
    b"",
]
TAILS = [
    b"\n",
    b"\n",
    b"\n",
    b" 5\n",
    b" 1700000000000\n",
    b" 9223372036854775807\n",
    b" 9223372036854775808\n",
    b" 1.5\n",
    b"  7 \n",
    b' # {id="x"} 1\n',
    b" # {} 0.5 7\n",
    b"",
]
OTHERS = [
    b"# TYPE a counter\n",
    b"# TYPE ab histogram\n",
    b"# TYPE h histogram\n",
    b"# TYPE up summary\n",
    b"# TYPE a nothing\n",
    b"# HELP a some words\n",
    b"# HELP a \xff\n",
    b"# UNIT a_s s\n",
    b"#\n",
    b"# a comment\n",
    b"\n",
    b"# EOF\n",
    b"#\x00\n",
]
BODIES_A_TARGET = 50
REPORT_EVERY = 50_000


def made_up(chance: random.Random) -> bytes:
    """Return a body of a few lines."""
    parts = []
    for _ in range(chance.randrange(7)):
        if chance.random() < 0.25:
            parts.append(chance.choice(OTHERS))
            continue
        value = chance.choice(VALUES) if chance.random() < 0.7 else number(chance)
        parts += (
            chance.choice(NAMES),
            chance.choice(LABELS),
            chance.choice(GAPS),
            value,
            chance.choice(TAILS),
        )
    if chance.random() < 0.5:
        parts.append(b"# EOF\n")
    return b"".join(parts)


def number(chance: random.Random) -> bytes:
    """Return a number of up to 22 digits with a point and an exponent anywhere."""
    digits = b"%d" % chance.randrange(10 ** chance.randrange(1, 23))
    at = chance.randrange(len(digits) + 1)
    exponent = b"e%d" % chance.randrange(-330, 310) if chance.random() < 0.5 else b""
    return digits[:at] + chance.choice([b".", b""]) + digits[at:] + exponent


def mangled(body: bytes, chance: random.Random) -> bytes:
    """Return the body with a few bytes put in, cut out or moved."""
    changed = bytearray(body)
    for _ in range(chance.randrange(3)):
        at = chance.randrange(len(changed) + 1)
        put = chance.choice([b"", b"\n", b" ", b'"', b"{", b"}", b"1", b"\\", *VALUES[:6], *OTHERS])
        changed[at : at + chance.randrange(4)] = put
    if chance.random() < 0.2:
        lines = bytes(changed).splitlines(keepends=True)
        chance.shuffle(lines)
        return b"".join(lines)
    return bytes(changed)


def compare_on_one_target(chance: random.Random) -> None:
    """Scan one body after the other with both twins; raises AssertionError where they differ."""
    pair = ScannerPair()
    text_format = chance.choice([PROMETHEUS_TEXT, OPENMETRICS_TEXT])
    history = [b""]
    try:
        for _ in range(BODIES_A_TARGET):
            is_new = chance.random() < 0.4
            body = made_up(chance) if is_new else mangled(chance.choice(history[-3:]), chance)
            history.append(body)
            columns = pair.scan(body, text_format, skips=chance.random() < 0.3)
            if chance.random() < 0.6:
                pair.retain(list(columns.series))
    except BaseException:
        sys.stderr.write("\n".join(map(repr, history)) + "\n")
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    started_s = time.monotonic()
    for done in range(BODIES_A_TARGET, options.bodies + BODIES_A_TARGET, BODIES_A_TARGET):
        compare_on_one_target(chance)
        if done % REPORT_EVERY == 0:
            sys.stdout.write(f"{done} bodies agree, {time.monotonic() - started_s:.0f} s\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
