"""The exception tree, ordered by who has to act.

    PromscrapeError
    ├── ConfigError            the operator: the configuration file or a flag
    ├── ScrapeError            the target
    │   ├── FetchError         no usable response came back
    │   │   └── BodySizeLimitExceeded
    │   ├── ParseError         the body breaks its format
    │   └── LimitExceeded      the target exposes more than its job allows
    │       ├── SampleLimitExceeded
    │       └── LabelLimitExceeded
    ├── DiscoveryError         the provider of targets
    └── StorageError           the disk, or a sample that no storage can take
        ├── InvalidSeries      a label set that cannot name a series
        ├── CorruptLog         bytes in a file of the log that break its format
        └── MalformedRecord    a record, or a fragment of one, that breaks its layout

Bugs stay built-in exceptions. What can befall each sample (out of order, duplicate) is a code
that is returned and counted (`storage.interface.AppendCode`), never raised.
"""

from pathlib import Path
from typing import Self, final

import msgspec


class PromscrapeError(Exception):
    """Base of every error that is not a bug."""


@final
class Problem(msgspec.Struct, frozen=True):
    """One thing wrong in a configuration file.

    line, column: counted from 1; 0 where the file as a whole is meant.
    path: the keys and indexes that lead there, such as `scrape_configs[0].scrape_interval`.
    source_line: the line as it stands in the file, secrets masked; "" where it is not shown.
    hint: the remedy, "" where there is none to name.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    source_line: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return the problem for people: place and message, the line, a caret, the hint."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        lines = [": ".join(part for part in (place, self.path, self.message) if part)]
        if self.source_line:
            # A tab is as wide as the terminal likes; a space keeps the caret under its character.
            lines += [f"    {self.source_line.replace(chr(9), ' ')}", f"{' ' * (self.column + 3)}^"]
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)


@final
class ConfigError(PromscrapeError):
    """The configuration file or a flag is wrong.

    The message is Prometheus's own and names what Prometheus would stop at; `problems` holds
    everything that is known to be wrong, in the order of the file.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems

    def report(self) -> str:
        """Return the text for people: every problem with its place, or the bare message."""
        return "\n".join(map(str, self.problems)) or str(self)


class ScrapeError(PromscrapeError):
    """A scrape failed; the message is what the target's `lastError` shows."""


class FetchError(ScrapeError):
    """No usable response came back: connection, status, redirects, encoding, time."""


@final
class BodySizeLimitExceeded(FetchError):
    """The unpacked body is at or over `body_size_limit`, or over the process's own ceiling."""


@final
class ParseError(ScrapeError):
    """The body breaks the exposition format.

    line_at: the offset of the line in the body. line, column: counted from 1, the column in bytes;
    0 where lines mean nothing. A parser says the offset and the column; the line takes a count
    over the body, which only `locate` makes.
    """

    def __init__(self, reason: str, line_at: int = 0, column: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.line_at, self.column = reason, line_at, column
        self.line = 0

    def locate(self, body: bytes) -> Self:
        """Work out the line in the body that the offset is meant in."""
        self.line = body.count(b"\n", 0, self.line_at) + 1
        return self


class LimitExceeded(ScrapeError):
    """The target exposes more than its job allows."""


@final
class SampleLimitExceeded(LimitExceeded):
    """More samples are left after metric relabeling than `sample_limit`."""

    def __init__(self) -> None:
        super().__init__("sample limit exceeded")


@final
class BucketLimitExceeded(LimitExceeded):
    """A native histogram has more buckets than `native_histogram_bucket_limit` in any schema."""

    def __init__(self) -> None:
        super().__init__("histogram bucket limit exceeded")


@final
class LabelLimitExceeded(LimitExceeded):
    """A series breaks `label_limit`, `label_name_length_limit` or `label_value_length_limit`."""


class DiscoveryError(PromscrapeError):
    """A provider of targets could not be built or did not answer."""


class StorageError(PromscrapeError):
    """The log could not be opened, read or written."""


@final
class InvalidSeries(StorageError):
    """A label set that cannot name a series: empty, or with one name twice."""


@final
class CorruptLog(StorageError):
    """What stands at `offset` of the segment `path`, and all after it, cannot be trusted."""

    def __init__(self, reason: str, path: Path, offset: int) -> None:
        super().__init__(f"corruption in segment {path} at {offset}: {reason}")
        self.reason, self.path, self.offset = reason, path, offset


@final
class MalformedRecord(StorageError):
    """Bytes that are no fragment, or no record of the type they claim.

    `offset` is where in its segment the record began, 0 where only the record was at hand.
    """

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.offset = reason, offset
