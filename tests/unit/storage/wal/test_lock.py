import os
from pathlib import Path

import pytest

from promscrape.errors import StorageError
from promscrape.storage.wal.lock import DirectoryLock


def test_a_clean_end_leaves_no_file(tmp_path: Path) -> None:
    """S19, storage 2.1: the next start is clean."""
    for _ in range(2):
        lock = DirectoryLock(tmp_path)
        assert lock.acquire()
        assert (tmp_path / "lock").exists()
        lock.release()
        assert not (tmp_path / "lock").exists()


def test_a_file_without_a_holder_tells_of_an_unclean_end(tmp_path: Path) -> None:
    """S19, storage 2.1: it is locked again, which is no error."""
    (tmp_path / "lock").touch()
    lock = DirectoryLock(tmp_path)
    assert not lock.acquire()
    lock.release()


def test_a_directory_has_one_holder(tmp_path: Path) -> None:
    """S19: Prometheus's text; the second one leaves the first one's lock alone."""
    holder = DirectoryLock(tmp_path)
    holder.acquire()
    for _ in range(2):
        with pytest.raises(
            StorageError, match=r"^lock DB directory: resource temporarily unavailable$"
        ):
            DirectoryLock(tmp_path).acquire()
    holder.release()


def test_a_file_that_its_holder_removed_is_no_lock(tmp_path: Path) -> None:
    """Between the opening and the locking of the file its holder may end, and a third one start."""
    path = tmp_path / "lock"
    path.touch()
    lock = DirectoryLock(tmp_path)
    removed = os.open(path, os.O_RDWR)
    path.unlink()
    assert not lock._is_ours(removed)
    path.touch()
    assert not lock._is_ours(removed)
    os.close(removed)


def test_a_directory_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    """The operator reads what the system said."""
    with pytest.raises(StorageError, match=r"^lock DB directory: no such file or directory$"):
        DirectoryLock(tmp_path / "missing").acquire()
