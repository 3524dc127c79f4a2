"""Times as the log, the API and the pages write them: RFC 3339, as Go formats it."""

import time


def local_time(now_ns: int) -> str:
    """Return a time to the nanosecond in the local zone, without zeros at its end."""
    seconds, ns = divmod(now_ns, 1_000_000_000)
    return f"{_date(time.localtime(seconds))}{_fraction(ns)}{_offset(seconds)}"


def local_time_ms(now_ns: int) -> str:
    """Return a time in the local zone with exactly three decimals."""
    seconds, ns = divmod(now_ns, 1_000_000_000)
    return f"{_date(time.localtime(seconds))}.{ns // 1_000_000:03d}{_offset(seconds)}"


def utc_time(now_ns: int) -> str:
    """Return a time to the nanosecond in UTC, without zeros at its end."""
    seconds, ns = divmod(now_ns, 1_000_000_000)
    return f"{_date(time.gmtime(seconds))}{_fraction(ns)}Z"


def _date(parts: time.struct_time) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", parts)


def _fraction(ns: int) -> str:
    return f".{ns:09d}".rstrip("0").rstrip(".")


def _offset(seconds: int) -> str:
    minutes = time.localtime(seconds).tm_gmtoff // 60
    if not minutes:
        return "Z"
    hours, minutes_left = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{minutes_left:02d}"
