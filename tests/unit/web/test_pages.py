import json
import re
from html.parser import HTMLParser
from importlib import resources

import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.exposition.columns import BadLine
from promscrape.scrape.quarantine import Quarantine
from promscrape.scrape.target import Report
from promscrape.version import Version
from promscrape.web.state import Phase
from tests.support.service import FakeService, make_pool, serving

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
PREFIX = "--web.external-url=http://e/a b/"


class Elements(HTMLParser):
    """The start tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str]:
        named = [attrs.get("href") or attrs.get("src") for _, attrs in self.tags]
        return [link for link in named if link]


def hostile_service() -> FakeService:
    """Return a service whose names, labels, URLs and errors all try to become markup."""
    job = ScrapeConfig(job_name=HOSTILE, metrics_path=f"/{HOSTILE}")
    addresses = [{"__address__": "h:1", "label": HOSTILE, "__scheme__": "javascript"}]
    pool = make_pool(job, addresses)
    pool.targets[0].report = Report(1_767_323_045_120, 0.25, HOSTILE)
    bad = BadLine(2, 3, HOSTILE, HOSTILE)
    pool.targets[0].quarantine = Quarantine(1_767_323_045_120, 1, 1, [bad])
    return FakeService(pools={HOSTILE: pool})


@pytest.mark.parametrize("path", ["/targets", "/agent", "/targets?plain=1"])
async def test_a_page_can_run_nothing_but_its_own_files(path: str) -> None:
    """Service 4.1: the policy forbids inline scripts and styles, and the page needs none."""
    async with serving(hostile_service()) as client:
        answer = await client.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    page = Elements(answer.text)
    for tag, attributes in page.tags:
        assert tag != "script" or attributes.get("src"), "an inline script"
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert not any(link.lower().startswith("javascript:") for link in page.links())


async def test_what_targets_say_is_text() -> None:
    """Service 4.1: names, labels, URLs and errors come from strangers."""
    async with serving(hostile_service()) as client:
        page = Elements((await client.get("/targets?plain=1")).text)
        data = await client.get("/targets/data")
    assert page.text.count(HOSTILE) >= 3
    assert [tag for tag, _ in page.tags if tag in ("script", "img")] == ["img"]  # the logo
    assert not set(b"<>&") & set(data.body)


@pytest.mark.parametrize("path", ["/a b/targets", "/a b/targets?plain=1"])
async def test_links_lead_below_the_external_path(path: str) -> None:
    """Service 4.2: behind a proxy, too, each file of the page is found."""
    async with serving(FakeService(), PREFIX) as client:
        page = Elements((await client.get(path.replace(" ", "%20"))).text)
        for link in page.links():
            if link != "#main":
                assert link.startswith("/a%20b/")
                assert (await client.get(link)).status == 200
        sources = [attrs["data-source"] for _, attrs in page.tags if "data-source" in attrs]
        for source in sources:
            assert source == "/a%20b/targets/data"


async def test_the_title_is_the_operators() -> None:
    """Service 1.2: --web.page-title tells the tabs of several setups apart."""
    async with serving(FakeService(), "--web.page-title=Lab <2>") as client:
        page = Elements((await client.get("/targets")).text)
    assert "Targets · Lab <2>" in page.text


@pytest.mark.parametrize("phase", Phase)
async def test_the_page_shows_where_the_daemon_stands(phase: Phase) -> None:
    """Service 2: the page is there from the first moment, and says why it is empty."""
    async with serving(FakeService(phase=phase)) as client:
        page = Elements((await client.get("/targets")).text)
        data = json.loads((await client.get("/targets/data")).body)
    assert phase.value in page.text
    assert Version.current().version in page.text
    assert data["phase"] == phase.value


async def test_without_scripts_there_is_a_plain_table() -> None:
    """Service 4.1: the note in the page leads to it."""
    async with serving(hostile_service()) as client:
        page = Elements((await client.get("/targets")).text)
        assert "noscript" in [tag for tag, _ in page.tags]
        assert "/targets?plain=1" in page.links()
        table = Elements((await client.get("/targets?plain=1")).text)
    assert "0 of 1 up" in " ".join(table.text.split())
    assert "0.250 s" in table.text


async def test_the_data_has_what_the_page_shows() -> None:
    """Service 6.3: targets by pool, a report where there is one."""
    job = ScrapeConfig(job_name="node")
    pool = make_pool(job, [{"__address__": "a:1"}, {"__address__": "b:1", "env": "x"}])
    pool.dropped_count = 4
    pool.targets[1].report = Report(1_767_323_045_120, 0.25, samples=507, body_bytes=57_000)
    async with serving(FakeService(pools={"node": pool})) as client:
        answer = await client.get("/targets/data")
    assert answer.headers["Cache-Control"] == "no-cache"
    data = json.loads(answer.body)
    assert data["now_ms"] > 1_767_323_045_120
    assert [(pool["name"], pool["dropped"]) for pool in data["pools"]] == [("node", 4)]
    assert data["pools"][0]["targets"] == [
        {
            "url": "http://a:1/metrics",
            "labels": {"instance": "a:1", "job": "node"},
            "health": "unknown",
            "error": "",
            "t_ms": None,
            "duration_s": 0,
            "samples": 0,
            "interval": "1m",
            "timeout": "10s",
            "left_out": "",
            "bad_lines": [],
        },
        {
            "url": "http://b:1/metrics",
            "labels": {"env": "x", "instance": "b:1", "job": "node"},
            "health": "up",
            "error": "",
            "t_ms": 1_767_323_045_120,
            "duration_s": 0.25,
            "samples": 507,
            "interval": "1m",
            "timeout": "10s",
            "left_out": "",
            "bad_lines": [],
        },
    ]


async def test_what_was_left_out_of_a_scrape_stands_with_the_target() -> None:
    """The page says how much, and of the bad lines where and why."""
    pool = make_pool(ScrapeConfig(job_name="node"), [{"__address__": "a:1"}])
    pool.targets[0].report = Report(5000, 0.25, cut=7)
    pool.targets[0].quarantine = Quarantine(5000, 3, 9, [BadLine(2, 4, "no value", "a ?")])
    async with serving(FakeService(pools={"node": pool})) as client:
        data = json.loads((await client.get("/targets/data")).body)
        table = Elements((await client.get("/targets?plain=1")).text)
    (target,) = data["pools"][0]["targets"]
    assert target["left_out"] == "3 bad lines left out, 7 samples over the limit left out"
    assert target["bad_lines"] == ["line 2, column 4: no value"]
    assert target["left_out"] in table.text
    assert "line 2, column 4: no value" in table.text


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("targets.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_sent_once(name: str, content_type: str) -> None:
    """Service 4.1: a browser that has it asks, and is told that nothing changed."""
    async with serving(FakeService()) as client:
        first = await client.get(f"/assets/{name}")
        again = await client.get(f"/assets/{name}", {"If-None-Match": first.headers["ETag"]})
        changed = await client.get(f"/assets/{name}", {"If-None-Match": '"older"'})
    assert (first.status, first.headers["Content-Type"]) == (200, content_type)
    assert (again.status, again.body) == (304, b"")
    assert changed.body == first.body


@pytest.mark.parametrize(
    "path", ["/assets/nope.js", "/assets/../state.py", "/assets/%2e%2e/state.py", "/assets/"]
)
async def test_only_the_pages_files_are_served(path: str) -> None:
    """Service 4.1: the table is made at the start; a path is never opened."""
    async with serving(FakeService()) as client:
        assert (await client.get(path)).status == 404


def test_the_script_makes_no_markup_of_texts() -> None:
    """Service 4.1: what strangers say is set as text; these are the ways around that."""
    script = (resources.files("promscrape.web") / "static" / "targets.js").read_text()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in script
    assert not re.search(r"https?://[a-z]", script), "a foreign source"
