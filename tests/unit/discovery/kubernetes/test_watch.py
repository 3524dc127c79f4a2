"""Lists and watches, and what becomes of them when the server does not play along."""

import pytest

from promscrape.discovery.kubernetes.config import Selector
from promscrape.discovery.kubernetes.watch import PAGE
from tests.support.clock import ManualClock
from tests.support.discovery import Discovered
from tests.support.kubernetes import discover, events, failures
from tests.support.kubernetes_api import Fault, KubernetesAPI, line
from tests.support.kubernetes_objects import pod
from tests.support.wal import until

GONE = Fault(410, "Expired", "too old resource version: 1 (2)")
FORBIDDEN = Fault(403, "Forbidden", 'pods is forbidden: User "x" cannot list resource "pods"')
BUSY = Fault(429, "TooManyRequests", "the server is overloaded", retry_after_s=1)


def versions(api: KubernetesAPI, verb: str) -> list[str | None]:
    """Return the version that each request asked for."""
    return [one.query.get("resourceVersion") for one in api.requests(verb, "pods")]


async def watching(api: KubernetesAPI, times: int = 1) -> None:
    """Return once pods are watched for the nth time."""
    await until(lambda: api.count("watch", "pods") >= times and api.watching("pods") > 0)


async def retried(api: KubernetesAPI, clock: ManualClock, verb: str, times: int) -> float:
    """Let the clock go on until the request is made for the nth time; return how long it took."""
    started_s = clock.monotonic_s()
    while api.count(verb, "pods") < times:
        if has_due(clock):
            await clock.advance(clock.due_s[0] - clock.monotonic_s())
        await until(lambda: api.count(verb, "pods") >= times or has_due(clock))
    return clock.monotonic_s() - started_s


async def begun(clock: ManualClock) -> None:
    """Return once the client has the beginning of all answers, which 60 s are given for."""
    await until(lambda: all(due_s - clock.monotonic_s() > 60 for due_s in clock.due_s))


def has_due(clock: ManualClock) -> bool:
    """Whether somebody waits to try again; what is 60 s away or more is a deadline."""
    return any(due_s - clock.monotonic_s() < 60 for due_s in clock.due_s)


def addresses(found: Discovered) -> set[str]:
    return set(found.published.addresses)


async def test_a_list_comes_in_pages(api: KubernetesAPI) -> None:
    """Discovery 85, K-9: continuations carry limit and continue, and no version."""
    for number in range(1200):
        api.put(pod(f"p{number}", ip=f"10.0.{number // 250}.{number % 250}"))
    async with discover(api, "pod") as found:
        await found.published.update(1)
        first, second, third = (one.query for one in api.requests("list", "pods"))
        assert first == {"limit": str(PAGE), "resourceVersion": "0"}
        assert set(second) == set(third) == {"limit", "continue"}
        assert len(addresses(found)) == 1200
        await watching(api)
        assert versions(api, "watch") == [str(api.version)]


async def test_a_server_that_takes_no_pages_from_its_cache_is_understood(
    api: KubernetesAPI,
) -> None:
    """K-9: the whole list comes at once, though a page was asked for."""
    api.pages_from_cache = False
    for number in range(PAGE + 1):
        api.put(pod(f"p{number}", ip=f"10.0.{number // 250}.{number % 250}"))
    async with discover(api, "pod") as found:
        await found.published.update(1)
        assert len(addresses(found)) == PAGE + 1
        assert api.count("list", "pods") == 1


async def test_pages_that_expire_are_replaced_by_one_list(api: KubernetesAPI) -> None:
    """Discovery 85, K-9: with the version that was asked for, and no limit."""
    for number in range(1200):
        api.put(pod(f"p{number}", ip=f"10.0.{number // 250}.{number % 250}"))
    api.refuse("list", "pods", Fault(0), GONE)
    async with discover(api, "pod") as found:
        await found.published.update(1)
        assert len(addresses(found)) == 1200
        queries = [one.query for one in api.requests("list", "pods")]
        assert "continue" in queries[1]
        assert queries[2] == {"resourceVersion": "0"}
        assert failures(found) == 0


async def test_a_watch_that_ends_goes_on_from_its_bookmark(api: KubernetesAPI) -> None:
    """Discovery 86, K-11 to K-13: no list, and no failure."""
    api.put(pod("p"))
    async with discover(api, "pod") as found:
        await watching(api)
        listed = api.version
        api.version += 500
        api.bookmark("pods")
        api.end_watches("pods")
        await watching(api, 2)
        assert versions(api, "watch") == [str(listed), str(api.version)]
        query = api.requests("watch", "pods")[1].query
        assert query["allowWatchBookmarks"] == "true"
        assert 300 <= int(query["timeoutSeconds"]) <= 600
        assert api.count("list", "pods") == 1
        assert failures(found) == 0
        api.put(pod("q", ip="10.0.0.9"))
        await until(lambda: "10.0.0.9:9000" in addresses(found))


async def test_selectors_go_with_lists_and_watches(api: KubernetesAPI) -> None:
    """K-2: an object that a change takes out of them is one that has gone."""
    selector = Selector(role="pod", label="a in (b,c),!d", field="status.phase=Running")
    api.put(pod("p", labels={"a": "b"}))
    api.put(pod("q", labels={"a": "x"}, ip="10.0.0.9"))
    async with discover(api, "pod", selectors=(selector,)) as found:
        await watching(api)
        for one in api.asked:
            assert one.query["labelSelector"] == selector.label
            assert one.query["fieldSelector"] == selector.field
        await found.published.update(1)
        assert addresses(found) == {"10.1.2.3:9000"}
        api.put(pod("p", labels={"a": "b", "d": "1"}))
        await until(lambda: not found.published.groups)
        assert events(found, "pod") == (1, 0, 1)


async def test_a_version_that_is_gone_is_followed_by_a_list_without_false_deletes(
    api: KubernetesAPI,
) -> None:
    """Discovery 87, K-14, K-16, K-17: what vanished meanwhile goes, and no other group blinks."""
    clock = ManualClock()
    for name, ip in (("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.3")):
        api.put(pod(name, ip=ip))
    async with discover(api, "pod", clock=clock) as found:
        await watching(api)
        await begun(clock)
        listed = api.version
        await clock.advance(60)
        await api.go_down()
        await until(lambda: has_due(clock))
        api.delete(pod("b"))
        api.put(pod("c", ip="10.0.0.4"))
        api.compact()
        await api.come_up()
        await retried(api, clock, "list", 2)
        await until(lambda: "pod/default/b" not in found.published.groups)
        assert addresses(found) == {"10.0.0.1:9000", "10.0.0.4:9000"}
        changed = [source for update in found.published.sources[1:] for source in update]
        assert sorted(changed) == ["-pod/default/b", "pod/default/c"]
        assert versions(api, "list") == ["0", str(listed)]
        assert "limit" not in api.requests("list", "pods")[1].query
        assert failures(found) == 0
        assert events(found, "pod") == (3, 1, 1)


async def test_an_error_410_within_a_watch_is_no_failure(api: KubernetesAPI) -> None:
    """Discovery 87, K-14, K-16: at once a list."""
    api.put(pod("a"))
    async with discover(api, "pod") as found:
        await watching(api)
        api.fail_watches("pods", GONE)
        await watching(api, 2)
        assert api.count("list", "pods") == 2
        assert failures(found) == 0
        assert found.published.sources == [["pod/default/a"]]


async def test_a_busy_server_is_asked_again_later_for_the_same_version(
    api: KubernetesAPI,
) -> None:
    """Discovery 88, K-14 to K-16: after Retry-After at the earliest, without a list or failure."""
    clock = ManualClock()
    api.refuse("watch", "pods", *[BUSY] * 3)
    async with discover(api, "pod", clock=clock) as found:
        await until(lambda: api.count("watch", "pods") == 1)
        waited_s = [await retried(api, clock, "watch", times) for times in (2, 3, 4)]
        assert all(seconds >= 1 for seconds in waited_s)
        assert versions(api, "watch") == [str(api.version)] * 4
        assert api.count("list", "pods") == 1
        assert failures(found) == 0


async def test_a_refused_watch_is_followed_by_lists_ever_further_apart(
    api: KubernetesAPI,
) -> None:
    """Discovery 88, K-14 to K-16: 0.8 s doubled up to 30 s, each up to twice that; all counted."""
    clock = ManualClock()
    api.refuse("watch", "pods", FORBIDDEN)
    api.refuse("list", "pods", Fault(0), *[FORBIDDEN] * 8)
    async with discover(api, "pod", clock=clock) as found:
        await until(lambda: api.count("watch", "pods") == 1)
        for step in range(9):
            waited_s = await retried(api, clock, "list", step + 2)
            base_s = min(0.8 * 2**step, 30)
            assert base_s <= waited_s <= 2 * base_s + 0.001
        await watching(api, 2)
        assert failures(found) == 9
        assert "cannot list resource" in found.logs.entries[-1]["err"]


async def test_while_the_server_is_down_everything_stays(api: KubernetesAPI) -> None:
    """Discovery 89, K-14, K-17: for ten minutes nothing is published, and it goes on after that."""
    clock = ManualClock()
    api.put(pod("a"))
    async with discover(api, "pod", clock=clock) as found:
        await watching(api)
        await api.go_down()
        while clock.monotonic_s() < 600:
            await until(lambda: has_due(clock))
            await clock.advance(clock.due_s[0] - clock.monotonic_s())
        assert found.published.sources == [["pod/default/a"]]
        assert api.count("list", "pods") == 1
        await api.come_up()
        api.put(pod("b", ip="10.0.0.9"))
        await retried(api, clock, "watch", 2)
        await until(lambda: "10.0.0.9:9000" in addresses(found))


async def test_an_event_of_three_mebibytes_is_read(api: KubernetesAPI) -> None:
    """Discovery 90, K-11, P-10: no reader of lines has a say in it."""
    async with discover(api, "pod") as found:
        await watching(api)
        api.put(pod("p", annotations={"large": "x" * (3 << 20)}))
        await until(lambda: bool(found.published.groups))
        labels = found.published.groups["pod/default/p"].labels
        assert len(labels["__meta_kubernetes_pod_annotation_large"]) == 3 << 20
        assert failures(found) == 0


async def test_a_stream_may_be_silent_for_nine_minutes(api: KubernetesAPI) -> None:
    """Discovery 90, K-11: there is no timeout but that of the watch."""
    clock = ManualClock()
    async with discover(api, "pod", clock=clock) as found:
        await watching(api)
        seconds = int(api.requests("watch", "pods")[0].query["timeoutSeconds"])
        await clock.advance(seconds + 29)
        api.put(pod("p"))
        await until(lambda: bool(found.published.groups))
        assert api.count("watch", "pods") == 1


async def test_a_half_open_connection_is_given_up(api: KubernetesAPI) -> None:
    """K-11: half a minute after the server should have ended the watch; nothing is lost."""
    clock = ManualClock()
    async with discover(api, "pod", clock=clock) as found:
        await watching(api)
        api.go_silent("pods")
        api.put(pod("p"))
        seconds = int(api.requests("watch", "pods")[0].query["timeoutSeconds"])
        await clock.advance(seconds + 30)
        await watching(api, 2)
        await until(lambda: bool(found.published.groups))
        assert api.count("list", "pods") == 1
        assert failures(found) == 0
        assert found.logs.entries[-1]["event"] == "A watch has stalled, starting it anew"


async def test_a_list_that_does_not_come_is_given_up(api: KubernetesAPI) -> None:
    """P-10: a page has a minute."""
    clock = ManualClock()
    api.is_hanging = True
    async with discover(api, "pod", clock=clock) as found:
        await until(lambda: api.count("list", "pods") == 1)
        api.is_hanging = False
        await clock.advance(60)
        await until(lambda: failures(found) == 1)
        await retried(api, clock, "list", 2)
        await found.published.update(1)
        assert "answer after 60 s" in found.logs.entries[0]["err"]


async def test_a_watch_that_does_not_begin_is_given_up(api: KubernetesAPI) -> None:
    """K-11: that of a server behind a dead balancer; without waiting for its whole time."""
    clock = ManualClock()
    async with discover(api, "pod", clock=clock) as found:
        await watching(api)
        api.is_hanging = True
        await clock.advance(2)
        api.end_watches("pods")
        await until(lambda: api.count("watch", "pods") == 2)
        api.is_hanging = False
        await clock.advance(60)
        await until(lambda: failures(found) == 1)
        assert "no answer after 60 s" in found.logs.entries[0]["err"]


async def test_a_watch_that_is_cut_within_a_line_goes_on(api: KubernetesAPI) -> None:
    """K-12, K-13: from the version before that line."""
    api.put(pod("p"))
    async with discover(api, "pod") as found:
        await watching(api)
        api.put(pod("q", ip="10.0.0.2"))
        await until(lambda: len(addresses(found)) == 2)
        before = api.version
        api.cut_next_event()
        api.put(pod("r", ip="10.0.0.3"))
        await until(lambda: len(addresses(found)) == 3)
        assert versions(api, "watch")[1] == str(before)
        assert api.count("list", "pods") == 1
        assert failures(found) == 0


async def test_answers_may_trickle(api: KubernetesAPI) -> None:
    """K-11: bytes come as they like."""
    api.slice_bytes = 7
    for number in range(3):
        api.put(pod(f"p{number}", ip=f"10.0.0.{number}"))
    async with discover(api, "pod") as found:
        await watching(api)
        api.put(pod("q", ip="10.0.1.1", annotations={"text": 'an "},{"metadata":{ ü\n'}))
        await until(lambda: len(addresses(found)) == 4)
        labels = found.published.groups["pod/default/q"].labels
        text = labels["__meta_kubernetes_pod_annotation_text"]
        assert text == 'an "},{"metadata":{ ü\n'


async def test_a_server_restored_from_a_backup_is_believed(api: KubernetesAPI) -> None:
    """K-9, K-17: a version that it does not know yet leads to a list of what it has now."""
    clock = ManualClock()
    api.put(pod("a"))
    api.put(pod("b", ip="10.0.0.9"))
    async with discover(api, "pod", clock=clock) as found:
        await watching(api)
        await found.published.update(1)
        await api.go_down()
        api.delete(pod("b"))
        await api.come_up(version=5)
        await retried(api, clock, "list", 3)
        await until(lambda: len(addresses(found)) == 1)
        assert versions(api, "list")[-1] is None
        assert [one for update in found.published.sources[1:] for one in update] == [
            "-pod/default/b"
        ]


async def test_a_watch_that_ends_at_once_is_a_failure(api: KubernetesAPI) -> None:
    """K-13, K-16: so that a server that ends all of them is not asked without a pause."""
    clock = ManualClock()
    async with discover(api, "pod", clock=clock) as found:
        await watching(api)
        api.end_watches("pods")
        await until(lambda: failures(found) == 1)
        assert "very short watch" in found.logs.entries[-1]["err"]
        waited_s = await retried(api, clock, "list", 2)
        assert 0.8 <= waited_s <= 1.6


async def test_an_event_of_an_unknown_type_is_skipped(api: KubernetesAPI) -> None:
    """K-12."""
    async with discover(api, "pod") as found:
        await watching(api)
        api.send("pods", line("SURPRISED", {"metadata": {"resourceVersion": "7"}}))
        api.put(pod("p"))
        await until(lambda: bool(found.published.groups))
        assert found.logs.entries[0]["type"] == "SURPRISED"
        assert api.count("watch", "pods") == 1


@pytest.mark.parametrize(
    "raw", [b"<html>gateway</html>\n", b'{"type":"ADDED","object":{"metadata":5}}\n']
)
async def test_what_is_no_event_leads_to_a_list(api: KubernetesAPI, raw: bytes) -> None:
    """K-14: and takes nothing away."""
    clock = ManualClock()
    api.put(pod("p"))
    async with discover(api, "pod", clock=clock) as found:
        await watching(api)
        api.send("pods", raw)
        await until(lambda: failures(found) == 1)
        await retried(api, clock, "list", 2)
        await watching(api, 2)
        assert found.published.sources == [["pod/default/p"]]


async def test_nothing_is_published_before_everything_is_listed(api: KubernetesAPI) -> None:
    """Discovery 92, K-20: the API server refuses the nodes at first."""
    clock = ManualClock()
    api.put(pod("p"))
    api.refuse("list", "services", FORBIDDEN)
    async with discover(api, "endpoints", clock=clock) as found:
        await until(lambda: api.watching("pods") == 1 and failures(found) == 1)
        assert found.published.updates == []
        while api.watching("services") == 0:
            await until(lambda: has_due(clock) or api.watching("services") > 0)
            if has_due(clock):
                await clock.advance(clock.due_s[0] - clock.monotonic_s())
        await found.published.update(1)


async def test_answers_of_the_server_are_counted(api: KubernetesAPI) -> None:
    """1.6: by status and, in time, by path; `<error>` where there is none."""
    clock = ManualClock()
    api.refuse("list", "pods", FORBIDDEN)
    async with discover(api, "pod", names=("a",), clock=clock) as found:
        await until(lambda: failures(found) == 1)
        await retried(api, clock, "list", 2)
        await watching(api)
        await begun(clock)
        await clock.advance(60)
        await api.go_down()
        await until(
            lambda: found.counted("kubernetes_http_request_total", status_code="<error>") == 1
        )
        count = "kubernetes_http_request_total"
        assert found.counted(count, status_code="200") == 2
        assert found.counted(count, status_code="403") == 1
        path = "/api/v1/namespaces/a/pods"
        name = "kubernetes_http_request_duration_seconds_count"
        assert found.counted(name, endpoint=path) == 4


async def test_a_warning_of_the_server_is_logged_once(api: KubernetesAPI) -> None:
    """K-8."""
    api.warning = "v1 Endpoints is deprecated in v1.33+"
    async with discover(api, "pod", names=("a", "b")) as found:
        await found.published.update(1)
        (entry,) = found.logs.entries
        assert entry["warning"] == '299 - "v1 Endpoints is deprecated in v1.33+"'
