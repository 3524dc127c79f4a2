import io
import json
import logging
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.typing import FilteringBoundLogger

from promscrape.log_options import LogFormat, LogLevel
from promscrape.logs import configure
from promscrape.model.duration import Duration
from promscrape.model.go_duration import GoDuration

NOW_NS = 1_767_323_045_123_456_780  # 2026-01-02T03:04:05.12345678Z


class Password(str):
    """A secret as a configuration holds it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


class ClosedStream(io.StringIO):
    def write(self, _: str, /) -> int:
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def _undo_configure() -> Iterator[None]:
    """The process's logging is one thing that every test shares: put it back."""
    root = logging.getLogger()
    handlers, level, show = root.handlers, root.level, warnings.showwarning
    yield
    logging.captureWarnings(capture=False)
    root.handlers, warnings.showwarning = handlers, show
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def set_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def logfmt(stream: io.StringIO, level: LogLevel = LogLevel.DEBUG) -> FilteringBoundLogger:
    return configure(level, LogFormat.LOGFMT, stream, lambda: NOW_NS)


def as_json(stream: io.StringIO) -> FilteringBoundLogger:
    return configure(LogLevel.DEBUG, LogFormat.JSON, stream, lambda: NOW_NS)


def attributes(stream: io.StringIO) -> str:
    """Return what follows the message `m` in the one line that was written."""
    (line,) = stream.getvalue().splitlines()
    return line.partition(" msg=m")[2].lstrip()


def test_a_logfmt_line_reads_like_prometheuss(stream: io.StringIO) -> None:
    """Service 8: time with milliseconds, level, source, message, bound, then given attributes."""
    log = logfmt(stream).bind(component="web")
    log.info("Start listening for connections", address="127.0.0.1:9090")
    line = stream.getvalue()
    source = line.split(" ")[2]
    assert source.startswith("source=test_logs.py:")
    assert line == (
        f"time=2026-01-02T03:04:05.123Z level=INFO {source} "
        'msg="Start listening for connections" component=web address=127.0.0.1:9090\n'
    )


def test_a_json_line_has_the_same_keys_in_the_same_order(stream: io.StringIO) -> None:
    """Service 8, 50: one object a line, time to the nanosecond."""
    as_json(stream).bind(component="web").warning("Slow", n=3)
    record = json.loads(stream.getvalue())
    assert list(record) == ["time", "level", "source", "msg", "component", "n"]
    assert record["time"] == "2026-01-02T03:04:05.12345678Z"
    assert (record["level"], record["msg"], record["n"]) == ("WARN", "Slow", 3)


@pytest.mark.parametrize("make_logger", [logfmt, as_json])
def test_the_source_is_the_line_of_the_call(stream: io.StringIO, make_logger: object) -> None:
    """Service 8: the source leads to the code that spoke, not into the logging library."""
    log = make_logger(stream)  # type: ignore[operator]  # a parameter of either function
    lines = Path(__file__).read_text().splitlines()
    log.info("find me")
    number = next(i for i, text in enumerate(lines, 1) if text.strip() == 'log.info("find me")')
    assert f"test_logs.py:{number}" in stream.getvalue()


@pytest.mark.parametrize(
    ("level", "written"),
    [
        (LogLevel.DEBUG, ["DEBUG", "INFO", "WARN", "ERROR"]),
        (LogLevel.INFO, ["INFO", "WARN", "ERROR"]),
        (LogLevel.WARN, ["WARN", "ERROR"]),
        (LogLevel.ERROR, ["ERROR"]),
    ],
)
def test_less_severe_records_are_left_out(
    stream: io.StringIO, level: LogLevel, written: list[str]
) -> None:
    """Service 8, 50: --log.level=error hides the lines of info, of both logging libraries."""
    log, library = logfmt(stream, level), logging.getLogger("aiohttp.server")
    for logger in (log, library):
        logger.debug("m")
        logger.info("m")
        logger.warning("m")
        logger.error("m")
    levels = [line.split(" ")[1].removeprefix("level=") for line in stream.getvalue().splitlines()]
    assert levels == written * 2


@pytest.mark.parametrize(
    ("zone", "logfmt_time", "json_time"),
    [
        ("UTC", "2026-01-02T03:04:05.123Z", "2026-01-02T03:04:05.12345678Z"),
        ("EST+5", "2026-01-01T22:04:05.123-05:00", "2026-01-01T22:04:05.12345678-05:00"),
        ("NPT-5:45", "2026-01-02T08:49:05.123+05:45", "2026-01-02T08:49:05.12345678+05:45"),
    ],
)
def test_times_are_in_the_local_zone(
    monkeypatch: pytest.MonkeyPatch, zone: str, logfmt_time: str, json_time: str
) -> None:
    """Service 8: the reference no longer converts to UTC; the offset makes times comparable."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    lines, objects = io.StringIO(), io.StringIO()
    logfmt(lines).info("m")
    as_json(objects).info("m")
    assert lines.getvalue().startswith(f"time={logfmt_time} ")
    assert json.loads(objects.getvalue())["time"] == json_time


def test_a_json_time_ends_without_zeros(stream: io.StringIO) -> None:
    """Service 8: Go's RFC3339Nano leaves out the zeros at the end, and the point with them."""
    configure(LogLevel.INFO, LogFormat.JSON, stream, lambda: 1_000_000_000).info("m")
    assert json.loads(stream.getvalue())["time"] == "1970-01-01T00:00:01Z"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "hi"', r'"say \"hi\""'),
        ("C:\\dir", "C:\\dir"),
        ("C:\\my dir", r'"C:\\my dir"'),
        ("line\nbreak\ttab", r'"line\nbreak\ttab"'),
        ("\x1b[31mred", r'"\x1b[31mred"'),
        ("Zürich→", "Zürich→"),
        ("no\u00a0break", r'"no\u00a0break"'),
        ("bad\udcff", r'"bad\xff"'),
        (3, "3"),
        (0.5, "0.5"),
        (float("nan"), "nan"),
        (True, "true"),
        (None, "<nil>"),
        (["a", "b", None, False], '"[a b <nil> false]"'),
        (["a"], "[a]"),
        ({"a": 1}, r'"{\"a\":1}"'),
        (Duration.parse("1m30s"), "1m30s"),
        (GoDuration.parse("1.5ms"), "1.5ms"),
        (Path("data-agent/wal"), "data-agent/wal"),
        (LogLevel.WARN, "warn"),
    ],
)
def test_values_are_quoted_only_where_they_would_be_misread(
    stream: io.StringIO, value: object, text: str
) -> None:
    """Service 8: what has a space, `=`, `"` or a control character is quoted, nothing else."""
    logfmt(stream).info("m", key=value)
    assert attributes(stream) == f"key={text}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("<a> & 'b' →", "<a> & 'b' →"),
        (float("inf"), "inf"),
        (None, None),
        (["a", 1], ["a", 1]),
        ({"a": {"b": 2}}, {"a": {"b": 2}}),
        ({Duration.parse("1h")}, ["1h"]),
    ],
)
def test_json_keeps_the_types_that_it_has(
    stream: io.StringIO, value: object, written: object
) -> None:
    """Service 8: numbers and lists stay what they are, everything else is its text."""
    as_json(stream).info("m", key=value)
    assert json.loads(stream.getvalue())["key"] == written


def test_json_survives_a_byte_that_was_not_utf8(stream: io.StringIO) -> None:
    """Service 50: a hostile label value must not make the log unreadable."""
    as_json(stream).info("m", key="\udcff")
    stream.getvalue().encode("utf-8")
    assert json.loads(stream.getvalue())["key"] == "\udcff"


@pytest.mark.parametrize("make_logger", [logfmt, as_json])
@pytest.mark.parametrize(
    "value",
    [Password("hunter2"), [Password("hunter2")], {"user": Password("hunter2")}],
    ids=["alone", "listed", "mapped"],
)
def test_a_secret_never_shows(stream: io.StringIO, make_logger: object, value: object) -> None:
    """Service 8: the log is the first thing that is shared when something is wrong."""
    log = make_logger(stream)  # type: ignore[operator]  # a parameter of either function
    log.error("m", password=value)
    assert "hunter2" not in stream.getvalue()
    assert "<secret>" in stream.getvalue()


@pytest.mark.parametrize("key", ["time", "level", "source", "msg"])
def test_an_attribute_cannot_take_the_name_of_a_field(stream: io.StringIO, key: str) -> None:
    """Service 8: as in the reference it is renamed, for a JSON object has each key once."""
    as_json(stream).info("m", **{key: "mine"})
    record = json.loads(stream.getvalue())
    assert record[f"logged_{key}"] == "mine"
    assert record[key] != "mine"


def test_an_error_attribute_is_the_exceptions_message(stream: io.StringIO) -> None:
    """Service 8: `err` is a sentence for people."""
    logfmt(stream).error("m", err=OSError(98, "Address in use"))
    assert attributes(stream) == 'err="[Errno 98] Address in use"'


def test_an_exception_without_a_message_is_named_by_its_type(stream: io.StringIO) -> None:
    """Service 8: `err=""` would say nothing, and a TimeoutError has no text."""
    logfmt(stream).error("m", err=TimeoutError())
    assert attributes(stream) == "err=TimeoutError"


def fail(exc: Exception) -> None:
    raise exc


def raise_and_log(log: FilteringBoundLogger) -> None:
    try:
        fail(ValueError("two\nlines"))
    except ValueError:
        log.exception("m")


def test_a_traceback_stays_on_the_records_line(stream: io.StringIO) -> None:
    """Service 50: a log shipper takes each line for a record."""
    raise_and_log(as_json(stream))
    raise_and_log(logfmt(stream))
    first, second = stream.getvalue().splitlines()
    record = json.loads(first)
    assert record["err"] == "two\nlines"
    assert record["traceback"].startswith("Traceback (most recent call last):\n")
    assert record["traceback"].endswith("ValueError: two\nlines")
    assert r'err="two\nlines" traceback="Traceback' in second


def test_an_exception_can_be_handed_over_with_its_traceback(stream: io.StringIO) -> None:
    """Service 8: a task's exception is logged after it left its `except` block."""
    as_json(stream).error("m", exc_info=KeyError("job"))
    assert json.loads(stream.getvalue())["err"] == "'job'"


def test_exc_info_without_an_exception_adds_nothing(stream: io.StringIO) -> None:
    """Service 8: there is no `traceback=None` to wonder about."""
    log = logfmt(stream)
    log.error("m", exc_info=True)  # noqa: LOG014  # on purpose: this is the case
    log.error("m", exc_info=(None, None, None))
    assert [line.partition(" msg=m")[2] for line in stream.getvalue().splitlines()] == ["", ""]


def test_the_standard_librarys_records_look_the_same(stream: io.StringIO) -> None:
    """Service 50: asyncio and aiohttp log too, and each of their lines must parse."""
    as_json(stream)
    try:
        fail(RuntimeError("broken"))
    except RuntimeError:
        logging.getLogger("asyncio").exception("Task %s failed", "t1")
    record = json.loads(stream.getvalue())
    assert (record["level"], record["msg"], record["logger"]) == (
        "ERROR",
        "Task t1 failed",
        "asyncio",
    )
    assert record["source"].startswith("test_logs.py:")
    assert (record["err"], "RuntimeError: broken" in record["traceback"]) == ("broken", True)


def test_a_python_warning_is_a_record(stream: io.StringIO) -> None:
    """Service 50: a deprecation must not put a bare line on stderr."""
    as_json(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    record = json.loads(stream.getvalue())
    assert (record["level"], record["logger"]) == ("WARN", "py.warnings")
    assert "DeprecationWarning: old" in record["msg"]


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """Service 8: a closed pipe behind stderr is no reason to stop scraping."""
    logfmt(ClosedStream()).error("m")
    closed = io.StringIO()
    closed.close()
    logfmt(closed).error("m")


def test_there_is_never_colour(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Service 8: escape sequences have no place in a file, whatever the terminal says."""
    monkeypatch.setitem(os.environ, "FORCE_COLOR", "1")
    raise_and_log(logfmt(stream))
    assert "\x1b" not in stream.getvalue()
