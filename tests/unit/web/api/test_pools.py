from urllib.parse import quote

import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig
from tests.support.service import FakeService, make_pool, serving

RULES = (
    RelabelConfig(source_labels=("a",), target_label="b"),
    RelabelConfig(source_labels=("a",), regex=Regex("1"), action=RelabelAction.DROP),
    RelabelConfig(target_label="c", replacement="2"),
)


def service() -> FakeService:
    jobs = [ScrapeConfig(job_name=name, relabel_configs=RULES) for name in ("z", "a", "m")]
    return FakeService(pools={job.job_name: make_pool(job, []) for job in jobs})


async def test_pool_names_are_sorted() -> None:
    """M30, service 39."""
    async with serving(service()) as client:
        data = (await client.get("/api/v1/scrape_pools")).data
    assert data == {"scrapePools": ["a", "m", "z"]}


async def test_without_pools_the_list_is_empty() -> None:
    """Service 6.3: pools exist only after the first sync."""
    async with serving(FakeService()) as client:
        assert (await client.get("/api/v1/scrape_pools")).data == {"scrapePools": []}


async def test_a_pools_job_is_shown_as_yaml() -> None:
    """Service 39: the effective job, as the configuration's dump has it."""
    async with serving(service()) as client:
        data = (await client.get("/api/v1/scrape_pools/config?scrapePool=m")).data
    assert isinstance(data, dict)
    assert data["yaml"].startswith("job_name: m\n")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("scrape_pools/config", "no scrapePool parameter provided"),
        (
            "scrape_pools/config?scrapePool=x",
            'error retrieving scrape config: scrape pool "x" not found',
        ),
        ("targets/relabel_steps?labels={}", "no scrapePool parameter provided"),
        ("targets/relabel_steps?scrapePool=m", "no labels parameter provided"),
        (
            "targets/relabel_steps?scrapePool=x&labels={}",
            'error retrieving scrape config: scrape pool "x" not found',
        ),
    ],
)
async def test_what_is_missing_is_named(path: str, problem: str) -> None:
    """Service 39, 40: 400 with the reference's text."""
    async with serving(service()) as client:
        answer = await client.get(f"/api/v1/{path}")
    assert answer.error == (400, "bad_data", problem)


@pytest.mark.parametrize("labels", ["{", '{"a":1}', "[]"])
async def test_labels_must_be_an_object_of_texts(labels: str) -> None:
    """Service 40: the reason follows the reference's first words."""
    async with serving(service()) as client:
        answer = await client.get(
            f"/api/v1/targets/relabel_steps?scrapePool=m&labels={quote(labels)}"
        )
    status, kind, problem = answer.error
    assert (status, kind) == (400, "bad_data")
    assert problem.startswith("error parsing labels: ")


async def test_each_rule_shows_what_it_left() -> None:
    """M30, service 40: from the first drop on there is nothing left; empty parts of rules are absent."""
    async with serving(service()) as client:
        data = (
            await client.get('/api/v1/targets/relabel_steps?scrapePool=m&labels={"a":"1"}')
        ).data
    assert isinstance(data, dict)
    assert [(step["output"], step["keep"]) for step in data["steps"]] == [
        ({"a": "1", "b": "1"}, True),
        ({}, False),
        ({}, False),
    ]
    assert data["steps"][1]["rule"] == {
        "source_labels": ["a"],
        "separator": ";",
        "regex": "1",
        "replacement": "$1",
        "action": "drop",
    }
    assert "source_labels" not in data["steps"][2]["rule"]
    assert data["steps"][2]["rule"]["target_label"] == "c"
