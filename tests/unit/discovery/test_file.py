"""Targets from files, which other programs write in their own ways."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from promscrape.clock import SystemClock
from promscrape.discovery.directory_watch import DirectoryWatch
from promscrape.discovery.file import KIND, FileSDConfig
from promscrape.model.duration import Duration
from tests.support.clock import ManualClock
from tests.support.discovery import Discovered, discovering

# Nothing in these tests waits for it: what is found is found by watching.
FIVE_MINUTES = Duration(300_000)


def groups(*addresses: str) -> str:
    return json.dumps([{"targets": [address]} for address in addresses])


@asynccontextmanager
async def reading(
    *files: Path | str, clock: ManualClock | None = None
) -> AsyncIterator[Discovered]:
    config = FileSDConfig(files=tuple(map(str, files)), refresh_interval=FIVE_MINUTES)
    async with discovering(KIND, config, clock or SystemClock()) as discovered:
        yield discovered


async def scanned(discovered: Discovered, number: int, clock: ManualClock | None = None) -> None:
    """Wait until this many scans are over; a manual clock is moved on for that."""
    async with asyncio.timeout(10):
        while (discovered.counted("file_scan_duration_seconds_count") or 0) < number:
            if clock is not None:
                await clock.advance(100)
            await asyncio.sleep(0.002)


async def until(discovered: Discovered, addresses: Sequence[str]) -> None:
    """Wait for these addresses and no others, at most as long as a watch may take (test 33)."""
    async with asyncio.timeout(5):
        while discovered.published.addresses != list(addresses):
            await asyncio.sleep(0.002)


async def test_groups_are_named_by_the_file_and_their_position(tmp_path: Path) -> None:
    """F-3, T-5, tests 30 and 31: scalars are text, and the path wins over a label of its name."""
    path = tmp_path / "a.yml"
    path.write_text(
        "- targets: [10:20, 1.20]\n"
        "  labels: {on: yes, a: 1_000, e: ~, __meta_filepath: mine}\n"
        "- targets: [b:1]\n"
    )
    async with reading(path) as discovered:
        first, second = await discovered.published.update(1)
        assert [target["__address__"] for target in first.targets] == ["10:20", "1.20"]
        assert first.labels == {"on": "yes", "a": "1_000", "e": "", "__meta_filepath": str(path)}
        assert (first.source, second.source) == (f"{path}:0", f"{path}:1")
        assert discovered.counted("file_mtime_seconds", filename=str(path)) == int(
            path.stat().st_mtime
        )


@pytest.mark.parametrize(
    "text",
    ["[null]", '[{"foo": 1}]', '[{"labels": {"a": 1}}]', '[{"targets": ["a', "", "{}"],
)
async def test_a_wrong_file_is_counted_and_says_nothing(tmp_path: Path, text: str) -> None:
    """F-4, T-6, test 32."""
    path = tmp_path / "a.json"
    path.write_text(text)
    async with reading(path) as discovered:
        await scanned(discovered, 1)
        assert discovered.counted("file_read_errors_total") == 1
        assert discovered.published.updates == []
        assert discovered.logs.entries[0]["path"] == str(path)


async def test_a_file_that_becomes_wrong_keeps_its_groups(tmp_path: Path) -> None:
    """F-4, F-9, test 33: until it is right again, which is seen at once."""
    path = tmp_path / "a.json"
    path.write_text(groups("a:1", "b:1"))
    async with reading(path) as discovered:
        await until(discovered, ["a:1", "b:1"])
        path.write_text(groups("c:1")[:-2])
        async with asyncio.timeout(5):
            while not discovered.counted("file_read_errors_total"):
                await asyncio.sleep(0.002)
        assert discovered.published.addresses == ["a:1", "b:1"]
        path.write_text(groups("c:1"))
        await until(discovered, ["c:1"])


async def test_a_shorter_file_empties_the_positions_that_are_gone(tmp_path: Path) -> None:
    """F-5, F-6, test 34: each by an update of its own; the mtime stays, a deviation."""
    path = tmp_path / "a.json"
    path.write_text(groups("a:1", "b:1", "c:1"))
    async with reading(path) as discovered:
        await until(discovered, ["a:1", "b:1", "c:1"])
        replace(path, groups("a:1"))
        await until(discovered, ["a:1"])
        assert discovered.published.sources[-3:] == [
            [f"{path}:0"],
            [f"-{path}:1"],
            [f"-{path}:2"],
        ]
        assert discovered.counted("file_mtime_seconds", filename=str(path))


async def test_a_deleted_file_loses_its_groups(tmp_path: Path) -> None:
    """F-5, F-6, test 35: and its mtime."""
    path = tmp_path / "a.json"
    path.write_text(groups("a:1", "b:1"))
    async with reading(path) as discovered:
        await until(discovered, ["a:1", "b:1"])
        path.unlink()
        await until(discovered, [])
        assert discovered.counted("file_mtime_seconds", filename=str(path)) is None


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [("a.json", "[]", False), ("a.json", "", True), ("a.yml", "", False), ("a.yml", "[]", False)],
)
async def test_an_emptied_file(tmp_path: Path, name: str, text: str, kept: bool) -> None:  # noqa: FBT001
    """F-5, test 36: an empty list clears; JSON of no bytes is a fault, and YAML is not."""
    path = tmp_path / name
    path.write_text(groups("a:1"))
    async with reading(path) as discovered:
        await until(discovered, ["a:1"])
        replace(path, text)
        (tmp_path / "mark.json").write_text("")
        async with asyncio.timeout(5):
            while kept != bool(discovered.counted("file_read_errors_total")) or (
                not kept and discovered.published.addresses
            ):
                await asyncio.sleep(0.002)
        assert discovered.published.addresses == (["a:1"] if kept else [])


def replace(path: Path, text: str) -> None:
    """Write a file as careful programs do: another one, then a rename onto the name."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.rename(path)


async def test_a_rename_onto_the_name_is_seen(tmp_path: Path) -> None:
    """F-7, test 37: no time passes, so the interval is not what tells."""
    path = tmp_path / "a.json"
    path.write_text(groups("a:1"))
    async with reading(path) as discovered:
        await until(discovered, ["a:1"])
        replace(path, groups("b:1"))
        await until(discovered, ["b:1"])


async def test_a_config_map_is_followed(tmp_path: Path) -> None:
    """F-7, test 37: the kubelet swaps the symlink `..data`, and the name never changes itself."""
    mount = tmp_path / "mount"
    mount.mkdir()

    def publish(version: str, text: str) -> None:
        directory = mount / f"..{version}"
        directory.mkdir()
        (directory / "a.json").write_text(text)
        (mount / "..data_tmp").symlink_to(directory.name)
        (mount / "..data_tmp").rename(mount / "..data")

    publish("v1", groups("a:1"))
    (mount / "a.json").symlink_to("..data/a.json")
    async with reading(mount / "a.json") as discovered:
        await until(discovered, ["a:1"])
        publish("v2", groups("b:1"))
        await until(discovered, ["b:1"])
        publish("v3", groups("b:1", "c:1"))
        await until(discovered, ["b:1", "c:1"])


async def test_a_directory_behind_a_symlink_is_watched_where_it_is_now(tmp_path: Path) -> None:
    """F-7: watches follow the name; what happens where it led before tells nothing."""
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "link"
    for directory in (old, new):
        directory.mkdir()
        (directory / "a.json").write_text(groups(f"{directory.name}:1"))
    link.symlink_to(old)
    clock = ManualClock()
    async with reading(link / "a.json", clock=clock) as discovered:
        await scanned(discovered, 1)
        (tmp_path / "next").symlink_to(new)
        (tmp_path / "next").rename(link)
        await scanned(discovered, 2, clock)
        assert discovered.published.addresses == ["new:1"]
        (new / "a.json").write_text(groups("newer:1"))
        await scanned(discovered, 3, clock)
        assert discovered.published.addresses == ["newer:1"]


async def test_partial_writes_never_show(tmp_path: Path) -> None:
    """F-4, F-9: each piece is an event; only the whole parses."""
    path = tmp_path / "a.json"
    path.write_text(groups("a:1"))
    text = groups(*(f"h{number}:1" for number in range(50)))
    async with reading(path) as discovered:
        await until(discovered, ["a:1"])
        with path.open("w") as file:
            for begin in range(0, len(text), 200):
                file.write(text[begin : begin + 200])
                file.flush()
                await asyncio.sleep(0.01)
        await until(discovered, sorted(f"h{number}:1" for number in range(50)))
        sizes = {len(update) for update in discovered.published.updates}
        assert sizes == {1, 50}


async def test_a_chmod_is_no_change_and_a_new_file_is(tmp_path: Path) -> None:
    """F-7, test 38: whichever file of the directory it is."""
    path = tmp_path / "a.json"
    path.write_text(groups("a:1"))
    clock = ManualClock()
    watch = await DirectoryWatch.open()
    with watch:
        assert watch.replace([str(tmp_path)]) == {}
        path.chmod(0o600)
        os.utime(path, (1, 1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await watch.change()
        (tmp_path / "unrelated").write_text("")
        async with asyncio.timeout(5):
            await watch.change()
    assert clock.monotonic_s() == 0


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("tg_*.json", "tg_new.json"),
        ("*.json", ".json"),
        ("t?.yml", "t1.yml"),
        ("[ab].yml", "b.yml"),
    ],
)
async def test_a_new_file_that_matches_is_found(tmp_path: Path, pattern: str, name: str) -> None:
    """F-2, F-3, test 39: a hidden one, too."""
    async with reading(tmp_path / pattern) as discovered:
        await scanned(discovered, 1)
        (tmp_path / name).write_text(groups("a:1"))
        await until(discovered, ["a:1"])


async def test_files_are_found_by_polling_where_nothing_can_be_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-8, test 40: a deviation; Prometheus finds nothing at all then."""

    async def refuse() -> DirectoryWatch:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(DirectoryWatch, "open", refuse)
    path = tmp_path / "a.json"
    path.write_text(groups("a:1"))
    clock = ManualClock()
    async with reading(path, clock=clock) as discovered:
        await until(discovered, ["a:1"])
        assert discovered.counted("file_watcher_errors_total") == 1
        replace(path, groups("b:1"))
        await clock.advance(299)
        assert discovered.published.addresses == ["a:1"]
        await clock.advance(2)
        await until(discovered, ["b:1"])


async def test_a_directory_that_comes_back_is_watched_again(tmp_path: Path) -> None:
    """F-7, test 41: found at the next interval, then by watching."""
    directory = tmp_path / "d"
    directory.mkdir()
    path = directory / "a.json"
    path.write_text(groups("a:1"))
    clock = ManualClock()
    async with reading(path, clock=clock) as discovered:
        await until(discovered, ["a:1"])
        path.unlink()
        directory.rmdir()
        await scanned(discovered, 2, clock)
        assert discovered.published.addresses == []
        directory.mkdir()
        path.write_text(groups("b:1"))
        await scanned(discovered, 6, clock)
        assert discovered.published.addresses == ["b:1"]
        before = discovered.counted("file_scan_duration_seconds_count") or 0
        path.write_text(groups("c:1"))
        async with asyncio.timeout(5):
            while (discovered.counted("file_scan_duration_seconds_count") or 0) == before:
                await clock.advance(0.1)
                await asyncio.sleep(0.002)


async def test_one_wrong_file_does_not_touch_the_others(tmp_path: Path) -> None:
    """F-3, F-4: a missing directory and a pattern of no grammar do not, either."""
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "good.json").write_text(groups("a:1"))
    async with reading(
        tmp_path / "*.json", tmp_path / "gone" / "x.json", tmp_path / "[.json"
    ) as discovered:
        await until(discovered, ["a:1"])
        await scanned(discovered, 1)
        events = {entry["event"] for entry in discovered.logs.entries}
        assert events == {"Error reading file", "Error adding file watch", "Error expanding glob"}


async def test_a_change_in_a_busy_directory_is_read_now_and_then(tmp_path: Path) -> None:
    """F-9: changes within 50 ms are one."""
    path = tmp_path / "a.json"
    path.write_text(groups("a:1"))
    clock = ManualClock()
    async with reading(path, clock=clock) as discovered:
        await scanned(discovered, 1)
        for number in range(50):
            (tmp_path / f"log{number}").write_text("x")
            await asyncio.sleep(0.001)
        assert discovered.counted("file_scan_duration_seconds_count") == 1
        await clock.advance(0.06)
        await scanned(discovered, 2)
