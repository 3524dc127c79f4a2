"""A repeater writes what an appender would have written, or nothing."""

from array import array
from pathlib import Path

import pytest

from promscrape.errors import StorageError
from promscrape.model.sample import STALE_NAN
from promscrape.storage.wal.repeater import WalRepeater
from promscrape.storage.wal.tail import Commit
from tests.support.wal import Log, Target, metric

LABELS = [metric(f"m{number}") for number in range(30)]
VALUES = [float(number) for number in range(30)]


class Followed:
    """A follower that keeps all commits."""

    is_at_end = True

    def __init__(self) -> None:
        self.commits: list[Commit] = []

    def take(self, commit: Commit) -> None:
        self.commits.append(commit)

    def notice(self) -> None:
        raise AssertionError("it is at the end")


def target_of(log: Log) -> Target:
    """Return a target whose series are known, at 1000."""
    target = Target(log, LABELS)
    target.scrape(VALUES, 1000)
    return target


def segment(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.iterdir()))


def test_it_writes_the_bytes_that_an_appender_writes(tmp_path: Path) -> None:
    """Storage 2.13: the log does not tell which of the two was at work."""
    written = []
    for repeats in (False, True):
        directory = tmp_path / str(repeats)
        directory.mkdir()
        log = Log(directory)
        target = target_of(log)
        repeater = WalRepeater(log.parts, target.refs)
        for t_ms in (2000, 3000):
            if repeats:
                assert repeater.append(array("d", VALUES), t_ms)
            else:
                target.scrape(VALUES, t_ms)
        written.append(segment(directory))
    assert written[0] == written[1]


def test_readers_of_the_log_get_one_block(tmp_path: Path) -> None:
    """The same array of refs from time to time, so that what follows from it can be kept."""
    log = Log(tmp_path)
    target = target_of(log)
    log.tail.join(follower := Followed())
    repeater = WalRepeater(log.parts, target.refs)
    for t_ms in (2000, 3000):
        repeater.append(array("d", VALUES), t_ms)
    first, second = (commit.floats[0] for commit in follower.commits)
    assert first.refs is second.refs
    assert list(first.values) == VALUES
    assert [commit.newest_ms for commit in follower.commits] == [2000, 3000]
    assert follower.commits[0].samples == len(VALUES)
    assert follower.commits[1].end == log.tail.end == log.writer.position
    assert log.tail.newest_ms == 3000
    assert log.metrics.floats_appended.value == 3 * len(VALUES)


def test_what_it_wrote_counts_for_an_appender(tmp_path: Path) -> None:
    """Storage 1.4: a sample at the same time is out of order then."""
    log = Log(tmp_path)
    target = target_of(log)
    assert WalRepeater(log.parts, target.refs).append(array("d", VALUES), 2000)
    assert target.scrape(VALUES, 2000).codes == b"\x01" * len(VALUES)
    assert target.scrape(VALUES, 2001).codes is None


@pytest.mark.parametrize("t_ms", [999, 1000])
def test_it_leaves_old_samples_to_an_appender(tmp_path: Path, t_ms: int) -> None:
    """Storage 1.4: which refuses them one by one."""
    log = Log(tmp_path)
    repeater = WalRepeater(log.parts, target_of(log).refs)
    before = segment(tmp_path)
    assert not repeater.append(array("d", VALUES), t_ms)
    assert segment(tmp_path) == before


def test_it_leaves_series_that_moved_apart_to_an_appender(tmp_path: Path) -> None:
    """Another target may expose one of the series as well."""
    log = Log(tmp_path)
    repeater = WalRepeater(log.parts, target_of(log).refs)
    Target(log, LABELS[7:8]).scrape([1.0], 1500)
    assert not repeater.append(array("d", VALUES), 1400)
    assert not repeater.append(array("d", VALUES), 2000)
    assert log.table.last_ms[1] == 1000


def test_it_leaves_series_to_be_logged_first(tmp_path: Path) -> None:
    """A sample never stands before the series it belongs to."""
    log = Log(tmp_path)
    repeater = WalRepeater(log.parts, target_of(log).refs)
    other = Target(log, [metric("other")])
    appender = log.appender()
    other.append(appender, [1.0], 2000)
    assert not repeater.append(array("d", VALUES), 2000)
    appender.commit()
    assert repeater.append(array("d", VALUES), 2000)


def test_it_is_of_no_use_once_a_series_was_dropped(tmp_path: Path) -> None:
    """Its row may be another series' then, or its own under another ref."""
    log = Log(tmp_path)
    target = target_of(log)
    repeater = WalRepeater(log.parts, target.refs)
    rows = list(target.refs[3:4])
    assert log.table.drop(rows, 1001)
    log.parts.layouts.forget_rows(rows)
    Target(log, LABELS[3:4]).scrape([1.0], 1000)
    assert list(log.table.last_ms[1:31]) == [1000] * 30
    assert not repeater.append(array("d", VALUES), 2000)


def test_markers_of_histograms_are_for_an_appender(tmp_path: Path) -> None:
    """A8: they are histograms themselves."""
    log = Log(tmp_path)
    target = target_of(log)
    log.table.histogram_kinds[int(target.refs[0])] = False
    repeater = WalRepeater(log.parts, target.refs)
    assert not repeater.append(array("d", [STALE_NAN] * len(VALUES)), 2000)
    assert repeater.append(array("d", VALUES), 2000)


def test_a_failed_write_leaves_the_series_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage 1.6: what could not be logged was not appended."""
    log = Log(tmp_path)
    target = target_of(log)
    repeater = WalRepeater(log.parts, target.refs)

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.write", fail)
        with pytest.raises(StorageError, match="No space left"):
            repeater.append(array("d", VALUES), 2000)
    assert set(log.table.last_ms[1:]) == {1000}
    assert repeater.append(array("d", VALUES), 2000)


def test_a_segment_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    """Storage 2.1: no record lies in two segments."""
    log = Log(tmp_path)
    repeater = WalRepeater(log.parts, target_of(log).refs)
    first = log.writer.current
    t_ms = 1000
    while log.writer.current == first:
        t_ms += 1000
        assert repeater.append(array("d", [t_ms / 7 + value for value in VALUES]), t_ms)
    assert log.writer.position.offset > 0


def test_it_gives_way_once_metadata_is_of_use(tmp_path: Path) -> None:
    """S22: the long way brings what is known of the families, which a repeater does not."""
    log = Log(tmp_path)
    target = target_of(log)
    repeater = WalRepeater(log.parts, target.refs)
    assert repeater.append(array("d", VALUES), 2000)
    log.parts.layouts.forget_all()
    assert not repeater.append(array("d", VALUES), 3000)
