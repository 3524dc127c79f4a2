"""The page of service discovery."""

import re
from collections.abc import Iterator, Mapping

import pytest

from promscrape.config.load import parse
from promscrape.config.scrape import ScrapeConfig
from promscrape.web.discovery_page import DiscoveryQuery, why_dropped
from tests.support.service import FakeService, make_pool, serving
from tests.unit.web.test_pages import HOSTILE, PREFIX, Elements, hostile_service

RULES = """
- {source_labels: [__meta_x], regex: good, target_label: x}
- {source_labels: [a, b], regex: 'no|never', action: drop}
- {source_labels: [__address__], target_label: env, action: keepequal}
"""


def job_of(rules: str, name: str = "node", **values: object) -> ScrapeConfig:
    more = "".join(f"\n  {key}: {value}" for key, value in values.items())
    text = rules.strip().replace("\n", "\n  ")
    source = f"scrape_configs:\n- job_name: {name}{more}\n  relabel_configs:\n  {text}\n"
    return parse(source.encode(), "c.yml", {}).scrape_configs[0]


def addresses(count: int, **labels: str) -> Iterator[Mapping[str, str]]:
    return ({"__address__": f"h{number:03}:1", **labels} for number in range(count))


async def page_of(service: FakeService, query: str = "") -> Elements:
    async with serving(service) as client:
        answer = await client.get(f"/service-discovery{query}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return Elements(answer.text)


def words(page: Elements) -> str:
    return " ".join(page.text.split())


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (
            {"a": "no"},
            "relabel_configs[1]: action: drop, source_labels: [a, b], regex: no|never",
        ),
        (
            {"__address__": "h", "env": "other"},
            (
                "relabel_configs[2]: action: keepequal, source_labels: [__address__], "
                "target_label: env"
            ),
        ),
    ],
)
def test_the_rule_that_drops_a_target_is_named(labels: Mapping[str, str], reason: str) -> None:
    """Issue 6: its position and what it says, as in the file."""
    rules = RULES.replace("regex: 'no|never'", "separator: '', regex: 'no|never'")
    assert why_dropped(labels, job_of(rules)) == reason


def test_a_target_can_lose_all_its_labels() -> None:
    """Issue 6: then no rule dropped it."""
    job = job_of("- {regex: '.*', action: labeldrop}")
    assert why_dropped({"__address__": "h"}, job) == "the rules leave it no labels"


async def test_each_target_is_shown_before_and_after_relabeling() -> None:
    """Issue 6: active ones first; a dropped one with its reason."""
    job = job_of("- {source_labels: [__meta_x], regex: bad, action: drop}")
    pool = make_pool(
        job,
        [{"__address__": "a:1", "__meta_x": "bad"}, {"__address__": "b:1", "__meta_x": "good"}],
    )
    page = words(await page_of(FakeService(pools={"node": pool})))
    assert "1 of 2 active, 1 dropped" in page
    active = page.index('__meta_x="good"')
    dropped = page.index('__meta_x="bad"')
    assert active < page.index('instance="b:1"') < dropped
    assert "dropped by relabel_configs[0]: action: drop, source_labels: [__meta_x]" in page


async def test_many_targets_are_shown_in_pages() -> None:
    """Issue 6: a pool among others shows its first ones, and leads to the rest."""
    pools = {
        name: make_pool(ScrapeConfig(job_name=name), addresses(count))
        for name, count in (("big", 250), ("small", 3))
    }
    service = FakeService(pools=pools)
    page = await page_of(service)
    assert words(page).count("instance=") == 10 + 3
    assert "1 to 10 of 250" in words(page)
    assert "?pool=big&state=all" in page.links()
    seen: list[str] = []
    link = "?pool=big"
    while link:
        page = await page_of(service, link)
        seen += re.findall(r'instance="(h\d+):1"', page.text)
        assert "small" not in page.text
        later = [each for each in page.links() if f"first={len(seen)}" in each]
        link = later[0] if later else ""
    assert seen == [f"h{number:03}" for number in range(250)]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?state=active", {"a", "b"}),
        ("?state=dropped", {"c"}),
        ("?state=nonsense", {"a", "b", "c"}),
        ("?q=b%3A1", {"b"}),
        ("?q=__address__%3D%22a", {"a"}),
        ("?pool=gone", set()),
        ("?pool=node&first=x", {"a", "b", "c"}),
        ("?pool=node&first=2", {"c"}),
        ("?pool=node&first=99999999999999999999", {"a", "b", "c"}),
    ],
)
async def test_what_is_asked_for_is_shown(query: str, shown: set[str]) -> None:
    """Issue 6: what makes no sense is as if it were not there."""
    job = job_of("- {source_labels: [drop], regex: 'yes', action: drop}")
    pool = make_pool(
        job,
        [
            {"__address__": "a:1"},
            {"__address__": "b:1"},
            {"__address__": "c:1", "drop": "yes"},
        ],
    )
    page = await page_of(FakeService(pools={"node": pool}), query)
    assert set(re.findall(r'__address__="(\w):1"', page.text)) == shown


async def test_dropped_targets_that_are_not_kept_are_counted() -> None:
    """Service 6.3, 37: with the key that says how many are kept."""
    job = job_of("- {source_labels: [job], action: drop}", keep_dropped_targets=1)
    pool = make_pool(job, addresses(3))
    page = words(await page_of(FakeService(pools={"node": pool})))
    assert "0 of 3 active, 3 dropped, of which keep_dropped_targets keeps 1" in page


async def test_what_targets_say_is_text() -> None:
    """Service 4.1: names and labels come from strangers, the query from anyone."""
    async with serving(hostile_service()) as client:
        answer = await client.get("/service-discovery?q=%22%3E%3Cscript%3E&pool=%22%3E%3Cscript%3E")
        assert [tag for tag, _ in Elements(answer.text).tags if tag == "script"] == []
        page = Elements((await client.get("/service-discovery")).text)
    assert page.text.count(HOSTILE) >= 2
    assert [tag for tag, _ in page.tags if tag in ("script", "img")] == ["img"]  # the logo
    assert not any(link.lower().startswith("javascript:") for link in page.links())


def test_a_query_keeps_what_it_does_not_change() -> None:
    """Issue 6: a filter holds from page to page."""
    query = DiscoveryQuery("a b", "active", "x&y", 100)
    assert query.with_(first=200) == "pool=a+b&state=active&q=x%26y&first=200"
    assert query.with_(state="dropped") == "pool=a+b&state=dropped&q=x%26y"


async def test_links_lead_below_the_external_path() -> None:
    """Service 4.2: behind a proxy, too; what filters comes back to the page itself."""
    pool = make_pool(ScrapeConfig(job_name="a&b"), addresses(12))
    async with serving(FakeService(pools={"a&b": pool}), PREFIX) as client:
        page = Elements((await client.get("/a%20b/service-discovery?q=h0")).text)
        forms = [attrs["action"] for tag, attrs in page.tags if tag == "form"]
        assert forms == ["/a%20b/service-discovery"]
        for link in page.links():
            if link.startswith("?"):
                assert (await client.get(f"/a%20b/service-discovery{link}")).status == 200
            elif link != "#main":
                assert link.startswith("/a%20b/")
