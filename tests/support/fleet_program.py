"""The fleet of targets as a program beside the test's own process."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.peers import Program, eventually, free_port

_ROOT = Path(__file__).parents[2]


@contextmanager
def fleet_of(body: Path, home: Path) -> Iterator[Program]:
    """Run `tests.support.fleet` on a body, in a folder that is made for it."""
    home.mkdir()
    port = free_port()
    argv = ["env", f"PYTHONPATH={_ROOT}", sys.executable, "-m", "tests.support.fleet"]
    program = Program([*argv, str(port), str(body)], port=port, ready_path="/", home=home)
    try:
        eventually(lambda: _listens(program), what="the fleet")
        yield program
    finally:
        program.kill()


def _listens(program: Program) -> bool:
    try:
        program.request("HEAD", "/")
    except OSError:
        return False
    return True
