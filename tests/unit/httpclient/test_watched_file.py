"""Files that are read when they have changed."""

import os
from pathlib import Path

import pytest

from promscrape.httpclient.watched_file import WatchedFile, open_error

LONG_AGO_S = 1_600_000_000


def settle(path: Path, at_s: int = LONG_AGO_S) -> None:
    """Make a file look as if it had been written long ago."""
    os.utime(path, (at_s, at_s))


def test_a_change_is_seen_at_the_next_reading(tmp_path: Path) -> None:
    """Config 9.5: no reload is needed."""
    path = tmp_path / "token"
    path.write_text("one")
    file = WatchedFile(str(path))
    assert file.read() == b"one"
    path.write_text("two")
    assert file.read() == b"two"


def test_a_change_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    """A file of the same size, written twice in a moment, has one and the same time."""
    path = tmp_path / "token"
    path.write_text("one")
    stamp = path.stat()
    file = WatchedFile(str(path))
    assert file.read() == b"one"
    path.write_text("two")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert file.read() == b"two"


def test_an_equal_content_is_the_same_object(tmp_path: Path) -> None:
    """Config 9.5: what is built from a file stays when the file is merely written again."""
    path = tmp_path / "ca.pem"
    path.write_text("one")
    file = WatchedFile(str(path))
    first = file.read()
    path.write_text("one")
    assert file.read() is first


def test_a_switched_link_is_seen(tmp_path: Path) -> None:
    """Kubernetes changes a mounted secret by switching a link."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    link = tmp_path / "token"
    link.symlink_to("one")
    file = WatchedFile(str(link))
    assert file.read() == b"one"
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(link)
    assert file.read() == b"two"


def test_a_file_that_comes_back_is_read(tmp_path: Path) -> None:
    """Config 9.5: a missing file fails that reading only."""
    path = tmp_path / "token"
    file = WatchedFile(str(path))
    with pytest.raises(FileNotFoundError) as caught:
        file.read()
    assert open_error(str(path), caught.value) == f"open {path}: no such file or directory"
    path.write_text("one")
    settle(path)
    assert file.read() == b"one"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        file.read()
