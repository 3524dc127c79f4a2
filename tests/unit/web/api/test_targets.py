import time
from collections.abc import Iterator

import msgspec
import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.exposition.columns import BadLine
from promscrape.flags.external_url import ExternalUrl
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.scrape.quarantine import Quarantine
from promscrape.scrape.target import Report
from promscrape.web.api.targets import Targets, global_url
from tests.support.service import FakeService, make_pool, serving

DROP = RelabelConfig(
    source_labels=("__address__",), regex=Regex("drop.*"), action=RelabelAction.DROP
)
EXTERNAL = "--web.external-url=http://ext.example:8080/pre/"


def service(**config: object) -> FakeService:
    """Return a service whose one job has two targets and drops three."""
    addresses = ["localhost:9090", "localhost:2", "drop1:1", "drop2:1", "drop3:1"]
    job = ScrapeConfig(job_name="self", relabel_configs=(DROP,), params={"a": ("x", "y")}, **config)  # type: ignore[arg-type]  # the caller's keywords
    return FakeService(pools={"self": make_pool(job, [{"__address__": a} for a in addresses])})


async def targets(own: FakeService, query: str = "", *arguments: str) -> Targets:
    prefix = "/pre" if EXTERNAL in arguments else ""
    async with serving(own, *arguments) as client:
        return msgspec.convert((await client.get(f"{prefix}/api/v1/targets{query}")).data, Targets)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def test_a_target_before_its_first_scrape_is_unknown() -> None:
    """M28, service 34, 35, 6.3: every field, in the reference's order."""
    async with serving(service(), EXTERNAL) as client:
        data = (await client.get("/pre/api/v1/targets")).data
    assert isinstance(data, dict)
    assert list(data) == ["activeTargets", "droppedTargets", "droppedTargetCounts"]
    discovered = {
        "__address__": "localhost:2",
        "__always_scrape_classic_histograms__": "false",
        "__convert_classic_histograms_to_nhcb__": "false",
        "__metrics_path__": "/metrics",
        "__param_a": "x",
        "__scheme__": "http",
        "__scrape_interval__": "1m",
        "__scrape_native_histograms__": "false",
        "__scrape_timeout__": "10s",
        "job": "self",
    }
    assert list(data["activeTargets"][0].items()) == [
        ("discoveredLabels", discovered),
        ("labels", {"instance": "localhost:2", "job": "self"}),
        ("scrapePool", "self"),
        ("scrapeUrl", "http://localhost:2/metrics?a=x&a=y"),
        ("globalUrl", "http://ext.example:2/metrics?a=x&a=y"),
        ("lastError", ""),
        ("lastScrape", "0001-01-01T00:00:00Z"),
        ("lastScrapeDuration", 0),
        ("health", "unknown"),
        ("scrapeInterval", "1m"),
        ("scrapeTimeout", "10s"),
    ]
    dropped = discovered | {"__address__": "drop1:1"}
    assert data["droppedTargets"][0] == {"discoveredLabels": dropped, "scrapePool": "self"}
    assert data["droppedTargetCounts"] == {"self": 3}


async def test_a_report_is_shown_as_it_came() -> None:
    """Service 38: down with its error, then up without one."""
    own = service()
    target = own.pools["self"].targets[0]
    shown = []
    for report in (
        Report(1_767_323_045_120, 0.25, 'Get "http://x": refused'),
        Report(1_767_323_060_000, 0.0125, samples=7),
    ):
        target.report = report
        data = await targets(own)
        (active,) = [item for item in data.active_targets if item.scrape_url == target.url]
        shown.append(
            (active.health, active.last_error, active.last_scrape, active.last_scrape_duration)
        )
    assert shown == [
        ("down", 'Get "http://x": refused', "2026-01-02T03:04:05.12Z", 0.25),
        ("up", "", "2026-01-02T03:04:20Z", 0.0125),
    ]


@pytest.mark.parametrize(
    ("query", "active", "dropped", "counts"),
    [
        ("", 2, 3, {"self": 3, "other": 0}),
        ("?state=ANY", 2, 3, {"self": 3, "other": 0}),
        ("?state=active", 2, 0, None),
        ("?state=Dropped", 0, 3, {"self": 3, "other": 0}),
        ("?state=foo", 0, 0, None),
        ("?scrapePool=self", 2, 3, {"self": 3, "other": 0}),
        ("?scrapePool=other", 0, 0, {"self": 3, "other": 0}),
        ("?scrapePool=none", 0, 0, {"self": 3, "other": 0}),
    ],
)
async def test_state_and_pool_filter_the_lists_but_not_the_counts(
    query: str, active: int, dropped: int, counts: dict[str, int] | None
) -> None:
    """M28, service 36, 6.3: an unknown pool or state is no error."""
    own = service()
    own.pools["other"] = make_pool(ScrapeConfig(job_name="other"), [])
    data = await targets(own, query)
    assert (len(data.active_targets), len(data.dropped_targets)) == (active, dropped)
    assert data.dropped_target_counts == counts


async def test_dropped_targets_are_counted_beyond_those_kept() -> None:
    """Service 37: keep_dropped_targets bounds the list, not the count."""
    data = await targets(service(keep_dropped_targets=1))
    assert len(data.dropped_targets) == 1
    assert data.dropped_target_counts == {"self": 3}


async def test_pools_come_in_the_order_of_their_names() -> None:
    """Service 6.3: two answers of a setup can be compared."""
    names = ["b", "a", "c"]
    own = FakeService(
        pools={
            name: make_pool(ScrapeConfig(job_name=name), [{"__address__": "h:1"}]) for name in names
        }
    )
    data = await targets(own)
    assert [item.scrape_pool for item in data.active_targets] == ["a", "b", "c"]


async def test_thousands_of_targets_are_answered_whole() -> None:
    """Service 6.3: pacing leaves none out."""
    job = ScrapeConfig(job_name="many", scrape_interval=Duration.parse("15s"))
    own = FakeService(
        pools={"many": make_pool(job, [{"__address__": f"h{n}:1"} for n in range(1000)])}
    )
    data = await targets(own)
    assert len({item.scrape_url for item in data.active_targets}) == 1000


@pytest.mark.parametrize(
    ("url", "external", "expected"),
    [
        ("http://localhost:9090/m?a=b", "https://e:8080", "https://e:8080/m?a=b"),
        ("http://127.0.0.1:9090/m", "http://e", "http://e/m"),
        ("http://[::1]:9090/m", "http://e", "http://e/m"),
        ("http://localhost:1/m", "http://e:8080", "http://e:1/m"),
        ("http://localhost:1/m", "http://e", "http://e:1/m"),
        ("http://localhost:1/m", "http://[fd00::1]:8080", "http://[fd00::1]:1/m"),
        ("http://localhost/m", "http://e:8080", "http://e/m"),
        ("http://host:9090/m", "http://e", "http://host:9090/m"),
        ("http://host/m", "http://e", "http://host/m"),
    ],
)
def test_a_global_url_leads_to_the_target_from_outside(
    url: str, external: str, expected: str
) -> None:
    """Service 35, 6.3: the own port, another port, another host, no port."""
    assert global_url(url, ExternalUrl.parse(external), "0.0.0.0:9090") == expected


async def test_a_host_that_cannot_be_split_is_named_in_the_last_error() -> None:
    """M29, service 6.3: `<lastError>: <reason>`, and the URL stays as it is."""
    with pytest.raises(InvalidValue, match="too many colons in address"):
        global_url("http://::1:9090/m", ExternalUrl.parse("http://e"), ":9090")
    own = FakeService(
        pools={"j": make_pool(ScrapeConfig(job_name="j"), [{"__address__": "a:b:c"}])}
    )
    (item,) = (await targets(own)).active_targets
    assert item.last_error == ": address a:b:c:80: too many colons in address"
    assert item.global_url == item.scrape_url


async def test_what_a_scrape_left_out_is_shown() -> None:
    """Beyond Prometheus: two fields more, where there is something to say."""
    own = service()
    target = own.pools["self"].targets[0]
    target.report = Report(5000, 0.25, cut=7)
    target.quarantine = Quarantine(5000, 3, 9, [BadLine(2, 4, "no value", "a \x00?")])
    async with serving(own) as client:
        data = (await client.get("/api/v1/targets?state=active")).data
    assert isinstance(data, dict)
    quarantined, whole = sorted(data["activeTargets"], key=lambda found: -len(found))
    assert quarantined["overSampleLimit"] == 7
    assert quarantined["quarantine"] == {
        "total": 9,
        "lastScrape": "1970-01-01T00:00:05Z",
        "inLastScrape": 3,
        "lines": [{"line": 2, "column": 4, "reason": "no value", "text": "a \x00?"}],
    }
    assert {"overSampleLimit", "quarantine"}.isdisjoint(whole)
