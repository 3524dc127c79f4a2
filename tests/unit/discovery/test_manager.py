"""From discovery configurations to what consumers of targets are told."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias, final

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import LogCapture

from promscrape.config.load import parse
from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.configs import DiscoveryConfigs
from promscrape.discovery.kind import BuiltIn, Kind, NoMetrics, Unbuilt
from promscrape.discovery.manager import DiscoveryManager
from promscrape.discovery.provider import Provider, ProviderContext, Publish
from promscrape.discovery.refresh import Refreshed
from promscrape.discovery.registry import registered
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError
from promscrape.model.duration import Duration
from tests.support.clock import ManualClock, settle

STATIC = "static_configs: [{targets: ['a:1', 'b:2']}, {targets: ['c:3'], labels: {x: y}}]"
Run: TypeAlias = Callable[[Publish], Awaitable[None]]


@final
class DemoConfig(ConfigStruct, frozen=True, kw_only=True):
    """What tells the demo providers apart."""

    name: str


@final
class DemoProvider:
    def __init__(self, run: Run) -> None:
        self.run_once = run

    async def run(self, publish: Publish) -> None:
        await self.run_once(publish)


@final
class DemoRefresher:
    async def refresh(self) -> Sequence[TargetGroup]:
        return [group("a", 1)]

    async def close(self) -> None:
        pass


def group(source: str, targets: int) -> TargetGroup:
    return TargetGroup(
        tuple({"__address__": f"{source}:{port}"} for port in range(targets)), {}, source
    )


def unbuilt(count: int) -> dict[str, tuple[DemoConfig, ...]]:
    """Return entries of a kind that has no provider, by their key."""
    return {"unbuilt_sd_configs": tuple(DemoConfig(name=str(number)) for number in range(count))}


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def publishing(*updates: Sequence[TargetGroup | None]) -> Run:
    """Return what publishes these and goes on."""

    async def run(publish: Publish) -> None:
        for update in updates:
            publish(update)  # type: ignore[arg-type]  # C-6 speaks of None
        await forever()

    return run


def failing(publish: Publish) -> Awaitable[None]:
    raise RuntimeError("a bug")


@final
class Managed:
    """A manager, the snapshots that it handed on, and what it logged and counted.

    runs: what a demo provider does, by its config's name; one without does nothing, for ever.
    made: the names of the demo providers that were made.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.snapshots: list[Mapping[str, Sequence[TargetGroup]]] = []
        self.logs = LogCapture()
        self.registry = CollectorRegistry()
        self.runs: dict[str, Run] = {}
        self.made: list[str] = []
        demo = BuiltIn("demo", lambda: Kind("demo", DemoConfig, NoMetrics, self._make))
        missing = BuiltIn("unbuilt", lambda: Unbuilt("unbuilt", DemoConfig), None)
        self.manager = DiscoveryManager(
            self._take,
            self.clock,
            self.registry,
            structlog.wrap_logger(None, processors=[self.logs]),
            kinds={**registered(), demo.key: demo, missing.key: missing},
            user_agent="promscrape/test",
        )

    def _take(self, snapshot: Mapping[str, Sequence[TargetGroup]]) -> bool:
        self.snapshots.append(snapshot)
        return True

    def _make(self, config: DemoConfig, context: ProviderContext, _: NoMetrics) -> Provider:
        self.made.append(config.name)
        if config.name.startswith("unmakeable"):
            raise DiscoveryError("cannot be made")
        if config.name.startswith("polling"):
            return Refreshed(DemoRefresher(), Duration(10_000), context)
        return DemoProvider(self.runs.get(config.name, publishing()))

    async def apply_text(self, **jobs: str) -> None:
        """Apply jobs as they stand in a file."""
        entries = ", ".join(f"{{job_name: {name}, {text}}}" for name, text in jobs.items())
        config = parse(f"scrape_configs: [{entries}]".encode(), "c.yml", {})
        await self.manager.apply({job.job_name: job.discovery for job in config.scrape_configs})

    async def apply(self, **jobs: Sequence[str]) -> None:
        """Apply jobs that have demo providers of these names."""
        await self.manager.apply(
            {
                job: DiscoveryConfigs(
                    by_key={"demo_sd_configs": tuple(DemoConfig(name=name) for name in names)}
                )
                for job, names in jobs.items()
            }
        )

    async def snapshot(self) -> dict[str, list[str]]:
        """Let what has changed leave, and return the sources of each job, sorted."""
        await self.clock.advance(10)
        return {
            job: sorted(each.source for each in groups)
            for job, groups in self.snapshots[-1].items()
        }

    def counted(self, metric: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"prometheus_sd_{metric}", labels)

    def discovered(self, job: str) -> float | None:
        return self.counted("discovered_targets", name="scrape", config=job)

    @property
    def failed_configs(self) -> float | None:
        return self.counted("failed_configs", name="scrape")

    @property
    def crashes(self) -> float | None:
        name = "promscrape_sd_provider_crashes_total"
        return self.registry.get_sample_value(name, {"provider": "demo"})


@asynccontextmanager
async def managing() -> AsyncIterator[Managed]:
    managed = Managed()
    async with managed.manager:
        yield managed


async def test_the_targets_of_all_jobs_are_handed_on_at_once() -> None:
    """R-3, M-6, M-9, test 24: the entries of a job are one provider, their positions its sources."""
    async with managing() as managed:
        await managed.apply_text(one=STATIC, other="static_configs: [{targets: ['d:4']}]")
        assert managed.discovered("one") == 0
        assert await managed.snapshot() == {"one": ["0", "1"], "other": ["0"]}
        assert len(managed.snapshots) == 1
        assert managed.discovered("one") == 3
        assert managed.discovered("other") == 1
        assert managed.failed_configs == 0
        assert managed.logs.entries == []


async def test_a_job_without_providers_is_handed_on_without_targets() -> None:
    """M-3, tests 9 and 23: consumers learn that there are none, whether asked for or not built."""
    async with managing() as managed:
        await managed.apply_text(none="honor_labels: true", empty="static_configs: [{}]")
        await managed.snapshot()
        assert managed.snapshots == [{"none": [], "empty": []}]
        assert managed.discovered("none") == 0
        await managed.manager.apply({"missing": DiscoveryConfigs(by_key=unbuilt(1))})
        assert await managed.snapshot() == {"missing": []}


async def test_each_entry_without_a_provider_is_one_error() -> None:
    """M-3, test 8: logged with its kind and job, and the rest of the job still runs."""
    async with managing() as managed:
        managed.runs["x"] = publishing([group("g", 1)])
        built = {"demo_sd_configs": (DemoConfig(name="x"),)}
        await managed.manager.apply(
            {
                "a": DiscoveryConfigs(by_key={**built, **unbuilt(1)}),
                "b": DiscoveryConfigs(by_key=unbuilt(2)),
            }
        )
        assert [
            (entry["log_level"], entry["event"], entry["type"], entry["config"])
            for entry in managed.logs.entries
        ] == [
            ("error", "Cannot create service discovery", "unbuilt", "a"),
            ("error", "Cannot create service discovery", "unbuilt", "b"),
            ("error", "Cannot create service discovery", "unbuilt", "b"),
        ]
        reason = managed.logs.entries[0]["err"]
        assert isinstance(reason, DiscoveryError)
        assert str(reason) == "promscrape has no provider for unbuilt_sd_configs yet"
        assert await managed.snapshot() == {"a": ["g"], "b": []}
        assert managed.failed_configs == 3


async def test_what_cannot_be_made_is_counted_until_it_is_gone() -> None:
    """M-3, M-4, test 8: over all jobs, and set anew by each apply."""
    async with managing() as managed:
        await managed.apply(a=["unmakeable1", "unmakeable2", "unmakeable3"])
        assert managed.failed_configs == 3
        assert await managed.snapshot() == {"a": []}
        await managed.apply(a=["sound"])
        assert managed.failed_configs == 0


async def test_equal_entries_share_one_provider() -> None:
    """M-2, tests 1 and 2: in two jobs, and twice in one; each job has each target once."""
    async with managing() as managed:
        managed.runs["x"] = publishing([group("g", 1)])
        await managed.apply(a=["x", "x"], b=["x"])
        assert await managed.snapshot() == {"a": ["g"], "b": ["g"]}
        assert managed.made == ["x"]


async def test_an_equal_configuration_restarts_nothing() -> None:
    """M-11, M-12, test 3: consumers are told all the same."""
    async with managing() as managed:
        managed.runs["x"] = publishing([group("g", 1)])
        await managed.apply(a=["x"])
        await managed.snapshot()
        await managed.apply(a=["x"])
        assert await managed.snapshot() == {"a": ["g"]}
        assert managed.made == ["x"]
        assert len(managed.snapshots) == 2


async def test_a_renamed_and_a_new_job_have_known_targets_at_once() -> None:
    """M-11, tests 4 and 5: without a word from the provider, which said all it had to say."""
    async with managing() as managed:
        managed.runs["x"] = publishing([group("g", 2)])
        await managed.apply(a=["x"])
        await managed.snapshot()
        await managed.apply(b=["x"], c=["x"])
        assert await managed.snapshot() == {"b": ["g"], "c": ["g"]}
        assert managed.made == ["x"]
        assert (managed.discovered("a"), managed.discovered("c")) == (None, 2)


async def test_a_changed_entry_drops_its_targets_until_the_new_provider_speaks() -> None:
    """M-1, M-12, test 6: there is no carry-over between entries that differ."""
    async with managing() as managed:
        managed.runs["x"] = publishing([group("old", 1)])
        await managed.apply(a=["x"])
        assert await managed.snapshot() == {"a": ["old"]}
        await managed.apply(a=["silent"])
        assert await managed.snapshot() == {"a": []}
        await managed.apply_text(a="static_configs: [{targets: [foo]}]")
        assert await managed.snapshot() == {"a": ["0"]}


async def test_a_silent_provider_holds_up_no_other() -> None:
    """M-12, test 7: its job is told empty at first."""
    async with managing() as managed:
        said = asyncio.Event()

        async def late(publish: Publish) -> None:
            await said.wait()
            publish([group("late", 1)])
            await forever()

        managed.runs |= {"x": publishing([group("g", 1)]), "late": late}
        await managed.apply(old=["x"], new=["late"])
        assert await managed.snapshot() == {"old": ["g"], "new": []}
        said.set()
        assert await managed.snapshot() == {"old": ["g"], "new": ["late"]}


async def test_groups_are_merged_by_their_source() -> None:
    """M-5, tests 10 and 11: replaced, removed by an empty one, and None is passed over."""
    async with managing() as managed:
        managed.runs["x"] = publishing(
            [group("a", 1), group("b", 2)], [group("b", 0), group("c", 3)], [None], []
        )
        await managed.apply(job=["x"])
        assert await managed.snapshot() == {"job": ["a", "c"]}
        assert managed.discovered("job") == 4
        assert managed.counted("received_updates_total", name="scrape") == 4


async def test_an_empty_update_is_told_on_all_the_same() -> None:
    """C-6, test 11."""
    async with managing() as managed:
        more = asyncio.Event()

        async def run(publish: Publish) -> None:
            publish([group("g", 1)])
            await more.wait()
            publish([])
            await forever()

        managed.runs["x"] = run
        await managed.apply(job=["x"])
        before = await managed.snapshot()
        more.set()
        assert await managed.snapshot() == before
        assert len(managed.snapshots) == 2


async def test_a_provider_that_ends_leaves_its_groups() -> None:
    """C-5, test 15: until its job goes."""

    async def once(publish: Publish) -> None:
        publish([group("g", 1)])

    async with managing() as managed:
        managed.runs["x"] = once
        await managed.apply(job=["x"], other=["silent"])
        await managed.snapshot()
        await managed.clock.advance(30)
        await managed.apply(job=["x"], other=["silent"])
        assert await managed.snapshot() == {"job": ["g"], "other": []}
        await managed.apply(other=["silent"])
        assert await managed.snapshot() == {"other": []}


async def test_a_cancelled_provider_is_not_heard() -> None:
    """M-13, test 16: what it says while it ends cannot bring targets back."""

    async def spiteful(publish: Publish) -> None:
        try:
            await forever()
        finally:
            publish([group("late", 1)])

    async with managing() as managed:
        managed.runs["x"] = spiteful
        await managed.apply(a=["x"])
        await managed.apply(a=["silent"])
        assert await managed.snapshot() == {"a": []}


async def test_a_provider_that_fails_while_it_ends_is_logged_and_no_more() -> None:
    """M-13, P-8: its successor and all others go on."""

    async def clumsy(_: Publish) -> None:
        try:
            await forever()
        finally:
            raise OSError("cannot close")

    async with managing() as managed:
        managed.runs["x"] = clumsy
        await managed.apply(a=["x"])
        await managed.apply(a=["silent"])
        (entry,) = managed.logs.entries
        assert (entry["log_level"], str(entry["err"])) == ("warning", "cannot close")


async def test_the_series_of_a_job_go_with_it() -> None:
    """M-11, test 17: the histogram, which is over all jobs, stays."""
    async with managing() as managed:
        await managed.apply(a=["polling1"], b=["polling2"])
        await managed.snapshot()

        def series(job: str) -> list[float | None]:
            polled = {"mechanism": "demo", "config": job}
            return [
                managed.discovered(job),
                managed.counted("last_update_timestamp_seconds", name="scrape", config=job),
                managed.counted("refresh_failures_total", **polled),
                managed.counted("refresh_duration_seconds_count", **polled),
            ]

        assert None not in series("a") + series("b")
        await managed.apply(b=["polling2"])
        assert series("a") == [None] * 4
        assert None not in series("b")
        histogram = "refresh_duration_histogram_seconds_count"
        assert (managed.counted(histogram, mechanism="demo") or 0) >= 2


async def test_the_series_of_a_shared_provider_move_to_the_job_that_keeps_it() -> None:
    """A deviation from M-11: Prometheus loses them when the provider's first job goes."""
    async with managing() as managed:
        await managed.apply(a=["polling"], b=["polling"])
        await managed.apply(b=["polling"])
        await managed.clock.advance(10)
        count = "refresh_duration_seconds_count"
        assert managed.counted(count, mechanism="demo", config="a") is None
        assert managed.counted(count, mechanism="demo", config="b") == 1


async def test_an_apply_that_waits_and_a_shutdown_both_end() -> None:
    """M-15, test 18: one that comes later than the shutdown changes nothing."""
    leaving = asyncio.Event()

    async def slow(_: Publish) -> None:
        try:
            await forever()
        finally:
            await leaving.wait()

    managed = Managed()
    async with asyncio.timeout(1):
        async with managed.manager:
            managed.runs["slow"] = slow
            await managed.apply(a=["slow"])
            applying = asyncio.create_task(managed.apply(a=["other"]))
            await settle()
            late = asyncio.create_task(managed.apply(a=["late"]))
        leaving.set()
        await asyncio.gather(applying, late)
    assert "late" not in managed.made


async def test_updates_amid_applies_end_with_the_last_apply() -> None:
    """M-13, test 19: whatever the order, what is left is what was asked for last."""
    chance = random.Random(1)

    async def chatty(publish: Publish) -> None:
        while True:
            publish([group(f"g{chance.randrange(5)}", chance.randrange(3))])
            await asyncio.sleep(0)

    async with managing() as managed:
        managed.runs |= {f"chatty{number}": chatty for number in range(3)}
        for _ in range(1000):
            names = chance.sample(["chatty0", "chatty1", "chatty2", "silent"], 2)
            await managed.apply(a=names, b=names[:1])
        managed.runs["last"] = publishing([group("last", 1)])
        await managed.apply(a=["last"])
        assert await managed.snapshot() == {"a": ["last"]}
        assert managed.crashes == 0


async def test_a_crashed_provider_is_made_again_with_its_targets_kept() -> None:
    """P-8, test 28: after 15 s, counted and logged with the traceback."""
    runs = 0

    async def run(publish: Publish) -> None:
        nonlocal runs
        runs += 1
        publish([group("g", runs)])
        if runs == 1:
            raise RuntimeError("a bug")
        await forever()

    async with managing() as managed:
        managed.runs["x"] = run
        await managed.apply(a=["x"])
        assert await managed.snapshot() == {"a": ["g"]}
        assert (managed.crashes, managed.discovered("a"), runs) == (1, 1, 1)
        (entry,) = managed.logs.entries
        assert (entry["provider"], str(entry["err"])) == ("demo/0", "a bug")
        await managed.clock.advance(5)
        await managed.snapshot()
        assert (managed.discovered("a"), runs, managed.made) == (2, 2, ["x", "x"])


async def test_a_provider_that_keeps_crashing_is_tried_ever_more_rarely() -> None:
    """P-8: after 15, 30, 60, 120 and then every 240 s."""
    async with managing() as managed:
        managed.runs["x"] = failing
        await managed.apply(a=["x"])
        times: list[int] = []
        for second in range(1200):
            if len(managed.made) > len(times):
                times.append(second)
            await managed.clock.advance(1)
        assert times == [0, 15, 45, 105, 225, 465, 705, 945, 1185]


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError(), RecursionError()])
async def test_no_way_to_end_touches_the_others(error: BaseException) -> None:
    """P-8: neither leaving the process nor a cancellation that nobody asked for."""

    async def run(_: Publish) -> None:
        raise error

    async with managing() as managed:
        managed.runs |= {"bad": run, "good": publishing([group("g", 1)])}
        await managed.apply(a=["bad"], b=["good"])
        assert await managed.snapshot() == {"a": [], "b": ["g"]}
        assert managed.crashes == 1


async def test_a_provider_that_publishes_something_else_is_stopped_at_that() -> None:
    """P-8: its last good groups stay, those of the same list are not taken over."""

    async def run(publish: Publish) -> None:
        publish([group("good", 1)])
        publish([group("half", 1), {"targets": ["a:1"]}])  # type: ignore[list-item]  # the point

    async with managing() as managed:
        managed.runs["x"] = run
        await managed.apply(a=["x"])
        assert await managed.snapshot() == {"a": ["good"]}
        assert managed.crashes == 1


async def test_groups_that_nobody_speaks_of_after_a_crash_are_let_go_of() -> None:
    """P-8: they vanished while there was no provider; but not before the new one has spoken."""
    spoken = asyncio.Event()
    runs = 0

    async def run(publish: Publish) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            publish([group("stays", 1), group("goes", 1)])
            raise RuntimeError("a bug")
        await spoken.wait()
        publish([group("stays", 1)])
        await forever()

    async with managing() as managed:
        managed.runs["x"] = run
        await managed.apply(a=["x"])
        await managed.clock.advance(5000)
        assert await managed.snapshot() == {"a": ["goes", "stays"]}
        spoken.set()
        assert await managed.snapshot() == {"a": ["goes", "stays"]}
        await managed.clock.advance(600)
        assert await managed.snapshot() == {"a": ["stays"]}


async def test_no_provider_outlives_the_manager() -> None:
    """M-15: the manager ends what it began."""
    ended = []

    async def run(_: Publish) -> None:
        try:
            await forever()
        finally:
            ended.append(True)

    async with managing() as managed:
        managed.runs["x"] = run
        await managed.apply(a=["x"])
    assert ended == [True]
