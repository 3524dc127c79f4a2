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
        └── InvalidSeries      a label set that cannot name a series

Bugs stay built-in exceptions. What can befall each sample (out of order, duplicate) is a code
that is returned and counted (`storage.interface.AppendCode`), never raised.
"""

from typing import final


class PromscrapeError(Exception):
    """Base of every error that is not a bug."""


class ConfigError(PromscrapeError):
    """The configuration file or a flag is wrong; the message names the place and the remedy."""


class ScrapeError(PromscrapeError):
    """A scrape failed; the message is what the target's `lastError` shows."""


class FetchError(ScrapeError):
    """No usable response came back: connection, status, redirects, encoding, time."""


@final
class BodySizeLimitExceeded(FetchError):
    """The unpacked body is at or over `body_size_limit`, or over the process's own ceiling."""


@final
class ParseError(ScrapeError):
    """The body breaks the exposition format at `line` (1-based; 0 where lines mean nothing)."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


class LimitExceeded(ScrapeError):
    """The target exposes more than its job allows."""


@final
class SampleLimitExceeded(LimitExceeded):
    """More samples are left after metric relabeling than `sample_limit`."""

    def __init__(self) -> None:
        super().__init__("sample limit exceeded")


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
