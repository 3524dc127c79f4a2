import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.model.metadata import Metadata, MetricType
from tests.support.service import FakeService, make_pool, serving

UP = Metadata(MetricType.GAUGE, "Is it up?", "")
ITS_UP = Metadata(MetricType.GAUGE, "Whether it is up.", "")
BYTES = Metadata(MetricType.COUNTER, "Bytes <sent>.", "bytes")


def service() -> FakeService:
    """Return two jobs: `a` with two targets that agree, `b` with one that says otherwise."""
    a = make_pool(ScrapeConfig(job_name="a"), [{"__address__": f"h{n}:1"} for n in (1, 2)])
    b = make_pool(ScrapeConfig(job_name="b"), [{"__address__": "h3:1"}])
    for target in a.targets:
        target.metadata = {"up": UP, "sent_bytes": BYTES}
    b.targets[0].metadata = {"up": ITS_UP}
    return FakeService(pools={"b": b, "a": a})


async def data_of(path: str) -> object:
    async with serving(service()) as client:
        return (await client.get(f"/api/v1/{path}")).data


async def test_metadata_is_a_list_of_what_targets_say_for_each_family() -> None:
    """M30, service 41, 6.3: equal descriptions are one."""
    assert await data_of("metadata") == {
        "sent_bytes": [{"type": "counter", "help": "Bytes <sent>.", "unit": "bytes"}],
        "up": [
            {"type": "gauge", "help": "Is it up?", "unit": ""},
            {"type": "gauge", "help": "Whether it is up.", "unit": ""},
        ],
    }


@pytest.mark.parametrize(
    ("query", "families"),
    [
        ("?metric=up", {"up": 2}),
        ("?metric=nope", {}),
        ("?limit=1", {"sent_bytes": 1}),
        ("?limit=0", {}),
        ("?limit=-1", {"sent_bytes": 1, "up": 2}),
        ("?limit_per_metric=1", {"sent_bytes": 1, "up": 1}),
        ("?limit_per_metric=0", {"sent_bytes": 1, "up": 2}),
        ("?metric=up&limit_per_metric=1", {"up": 1}),
    ],
)
async def test_metadata_is_limited_by_name_and_number(query: str, families: dict[str, int]) -> None:
    """Service 41: 0 names are none; 0 or less for each metric is no limit."""
    data = await data_of(f"metadata{query}")
    assert isinstance(data, dict)
    assert {name: len(entries) for name, entries in data.items()} == families


async def test_metadata_of_targets_names_the_target() -> None:
    """M30, service 41, 6.3: an entry for each family of each target."""
    data = await data_of("targets/metadata")
    assert isinstance(data, list)
    assert len(data) == 5
    assert data[1] == {
        "target": {"instance": "h1:1", "job": "a"},
        "metric": "sent_bytes",
        "type": "counter",
        "help": "Bytes <sent>.",
        "unit": "bytes",
    }


@pytest.mark.parametrize(
    ("query", "instances"),
    [
        ("?metric=sent_bytes", ["h1:1", "h2:1"]),
        ("?metric=nope", []),
        ("?match_target={job=%22b%22}", ["h3:1"]),
        ("?match_target={job!=%22b%22,instance=~%22.*1:1%22}", ["h1:1", "h1:1"]),
        ("?match_target=up", []),
        ("?limit=1", ["h1:1", "h1:1"]),
        ("?limit=3", ["h1:1", "h1:1", "h2:1", "h2:1"]),
        ("?limit=0", []),
        ("?limit=-1", ["h1:1", "h1:1", "h2:1", "h2:1", "h3:1"]),
    ],
)
async def test_metadata_of_targets_is_selected(query: str, instances: list[str]) -> None:
    """Service 41: the limit is looked at for each target, so the last one may go over it."""
    data = await data_of(f"targets/metadata{query}")
    assert isinstance(data, list)
    assert [entry["target"]["instance"] for entry in data] == instances
    assert all(("metric" in entry) is ("metric=" not in query) for entry in data)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("metadata?limit=x", "limit must be a number"),
        ("metadata?limit=1.5", "limit must be a number"),
        ("metadata?limit=99999999999999999999", "limit must be a number"),
        ("metadata?limit_per_metric=x", "limit_per_metric must be a number"),
        ("targets/metadata?limit=x", "limit must be a number"),
        (
            "targets/metadata?match_target={job=",
            (
                'invalid parameter "match_target": 1:6: parse error: '
                "unexpected end of input in label matching, expected string"
            ),
        ),
    ],
)
async def test_a_bad_parameter_is_named(path: str, problem: str) -> None:
    """Service 41: 400 bad_data."""
    async with serving(service()) as client:
        assert (await client.get(f"/api/v1/{path}")).error == (400, "bad_data", problem)
