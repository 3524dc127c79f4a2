"""The series that a log names before a position, from its checkpoint on."""

from collections.abc import Callable
from pathlib import Path

from promscrape.errors import MalformedRecord
from promscrape.storage.wal.pace import Pace
from promscrape.storage.wal.reader import read_log
from promscrape.storage.wal.record import decode_series
from promscrape.storage.wal.record_types import LoggedSeries, RecordType, record_type
from promscrape.storage.wal.tail import Position


def find_series(
    directory: Path, limit: Position, is_known: Callable[[int], object], pace: Pace
) -> list[LoggedSeries]:
    """Return the series that are named before `limit`, without those that are known.

    Raises OSError and StorageError where the log cannot be read, and Stopped.
    """
    found: list[LoggedSeries] = []
    for segment, path, framed in read_log(directory):
        pace.step()
        # A checkpoint has the number of the last segment that it replaces.
        if path.parent == directory and (segment, framed.end) > limit:
            break
        if record_type(framed.record) is RecordType.SERIES:
            try:
                series = decode_series(framed.record)
            except MalformedRecord:
                continue  # counted when the log was opened
            found += [one for one in series if not is_known(one.ref)]
    return found
