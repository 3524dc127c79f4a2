"""What Debian's promtool says of configuration files, many at a time."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import installed

_AT_A_TIME = 200
_SUCCESS = " SUCCESS: "
_UNKNOWN_KEY = re.compile(r"line \d+: field (\S+) not found in type ")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What promtool says of a file: an error, "" where it is in order."""

    path: Path
    error: str

    @property
    def ok(self) -> bool:
        return not self.error

    @property
    def unknown_keys(self) -> set[str]:
        return set(_UNKNOWN_KEY.findall(self.error))


def verdicts(paths: Sequence[Path]) -> list[Verdict]:
    """Return what `promtool check config --agent` says of each file, in their order."""
    found: list[Verdict] = []
    while len(found) < len(paths):
        # It ends at a file that crashes it; the next run goes on behind that.
        found += _verdicts(paths[len(found) : len(found) + _AT_A_TIME])
    return found


def _verdicts(paths: Sequence[Path]) -> Iterator[Verdict]:
    """Pair stdout, which names each file, with stderr, which has only those that failed."""
    argv = [installed("promtool"), "check", "config", "--agent", *map(str, paths)]
    end = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    said, crashed, crash = end.stderr.partition("\npanic: ")
    _, *checked = f"\n{end.stdout}".split("\nChecking ")
    _, *failures = f"\n{said}".split("\n  FAILED: ")
    assert checked, end.stderr[-2000:]
    errors = iter([*failures, f"panic: {crash}"] if crashed else failures)
    for path, part in zip(paths, checked, strict=False):
        ok = f"\n{_SUCCESS}{path} is valid" in part
        yield Verdict(path, "" if ok else next(errors))
    assert next(errors, None) is None
