"""The daemon's log: one record a line, as logfmt or JSON, in the form of Prometheus's own.

    time=2026-01-02T15:04:05.123Z level=INFO source=cli.py:40 msg="Starting" mode=agent
    {"time":"2026-01-02T15:04:05.123456789Z","level":"INFO","source":"cli.py:40","msg":"Starting"}

`configure` is called once, by the command line. It covers structlog, whose loggers the daemon
hands down and binds (`log.bind(scrape_pool=...)`), and the standard library's logging, through
which asyncio and aiohttp speak. A record is never more than a line: line ends are escaped, and
an exception becomes the attributes `err` and `traceback`.
Source: Go log/slog TextHandler and JSONHandler, prometheus/common promslog.
"""

import json
import logging
import math
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import TextIO, TypeAlias, final

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from promscrape.log_options import LogFormat, LogLevel
from promscrape.model.quoting import quote
from promscrape.rfc3339 import local_time, local_time_ms

SECRET = "<secret>"  # noqa: S105  # what a secret prints instead of itself
_RESERVED = frozenset({"time", "level", "source", "msg"})
_LEVEL_NAMES = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARN",
    "error": "ERROR",
    "critical": "ERROR",
}

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
"""What an attribute's value is turned into before it is written."""


def configure(
    level: LogLevel,
    format_: LogFormat,
    stream: TextIO,
    now_ns: Callable[[], int] = time.time_ns,
) -> FilteringBoundLogger:
    """Send every log record of this process to `stream`, and return the logger to hand down.

    A call below `level` costs a function call that does nothing.
    """
    writer = _Writer(format_, stream, now_ns)
    # The standard library's number of the level, which structlog shares.
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[writer.render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge(writer)]
    root.setLevel(number)
    logging.captureWarnings(capture=True)
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


@final
class _Writer:
    """Renders records and writes them. To structlog it is the logger at the end of the chain."""

    def __init__(self, format_: LogFormat, stream: TextIO, now_ns: Callable[[], int]) -> None:
        self._stream, self._now_ns = stream, now_ns
        self._is_json = format_ is LogFormat.JSON

    def render(self, _: WrappedLogger, method: str, event: EventDict) -> str:
        """Return the line of a structlog record; a processor of structlog."""
        message = str(event.pop("event", ""))
        exc = _exception_of(event.pop("exc_info", None))
        if exc is not None:
            event.setdefault("err", exc)
            event["traceback"] = "".join(traceback.format_exception(exc)).rstrip("\n")
        return self.line(_LEVEL_NAMES[method], _caller(), message, event)

    def line(self, level: str, source: str, message: str, attributes: Mapping[str, object]) -> str:
        now_ns = self._now_ns()
        head = {"level": level, "source": source, "msg": message}
        if self._is_json:
            record = {"time": local_time(now_ns), **head, **dict(_plain_items(attributes))}
            return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        fields = [f"time={local_time_ms(now_ns)}"]
        fields += [f"{key}={_logfmt(value)}" for key, value in head.items()]
        fields += [f"{_logfmt(key)}={_logfmt(value)}" for key, value in _plain_items(attributes)]
        return " ".join(fields)

    def write(self, line: str) -> None:
        if not line.isascii():
            # A lone surrogate, a byte that was not UTF-8, has no place in the output.
            line = line.encode("utf-8", "backslashreplace").decode("utf-8")
        # A log that cannot be written is no reason to stop what it tells of.
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = write


@final
class _Bridge(logging.Handler):
    """Carries the standard library's records over, with the logger's name as an attribute."""

    def __init__(self, writer: _Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        attributes: dict[str, object] = {"logger": record.name}
        if record.exc_info and record.exc_info[1]:
            attributes["err"] = record.exc_info[1]
            text = "".join(traceback.format_exception(record.exc_info[1]))
            attributes["traceback"] = text.rstrip("\n")
        level = _LEVEL_NAMES.get(record.levelname.lower(), record.levelname)
        source = f"{record.filename}:{record.lineno}"
        self._writer.write(self._writer.line(level, source, record.getMessage(), attributes))


def _exception_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _caller() -> str:
    # structlog's own finder writes its finding to the keys `filename` and `lineno`, which are
    # taken: a reload logs `filename`.
    frame = sys._getframe(2)  # noqa: SLF001  # the documented way to the caller's frame
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("structlog"):
        frame = frame.f_back
    return f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _plain_items(attributes: Mapping[str, object]) -> Iterator[tuple[str, Plain]]:
    for key, value in attributes.items():
        yield f"logged_{key}" if key in _RESERVED else key, _plain(value)


def _plain(value: object) -> Plain:
    if value is None or type(value) in (str, int, bool):
        return value  # type: ignore[return-value]  # mypy does not narrow by `type(value) in`
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if repr(value) == SECRET:
        return SECRET
    text = str(value)
    return text or type(value).__name__ if isinstance(value, BaseException) else text


def _logfmt(value: Plain) -> str:
    text = _bare(value)
    return quote(text) if _needs_quotes(text) else text


def _bare(value: Plain) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{' '.join(_bare(item) for item in value)}]"
        case dict():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case _:
            return str(value)


def _needs_quotes(text: str) -> bool:
    return not text or not text.isprintable() or any(char in ' ="' for char in text)
