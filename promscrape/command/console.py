"""Where a command writes."""

from typing import TextIO, final

import msgspec


@final
class Console(msgspec.Struct, frozen=True):
    """The two streams of a command; what is written appears in the order of the calls."""

    stdout: TextIO
    stderr: TextIO

    def say(self, line: str = "") -> None:
        """Write a line of the result."""
        self.write(f"{line}\n")

    def write(self, text: str) -> None:
        """Write a part of the result that ends its own lines."""
        self.stdout.write(text)
        self.stdout.flush()

    def complain(self, line: str) -> None:
        """Write a line of what is wrong."""
        self.stderr.write(f"{line}\n")
        self.stderr.flush()
