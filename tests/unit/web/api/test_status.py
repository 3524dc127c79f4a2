import json
from pathlib import Path

import pytest

from promscrape.config.load import parse
from promscrape.config.root import Config
from promscrape.config.scrape import ScrapeConfig
from promscrape.runtime import Limits, Source
from promscrape.web.api.envelope import encode
from tests.support.service import FakeService, serving

STATUS = "/api/v1/status"


async def data_of(service: FakeService, what: str, *arguments: str) -> object:
    async with serving(service, *arguments) as client:
        return (await client.get(f"{STATUS}/{what}")).data


async def test_flags_are_texts_of_their_effective_values() -> None:
    """Service 42: as given, normalized, hidden ones included."""
    data = await data_of(FakeService(), "flags", "--config.file=./a.yml", "--web.read-timeout=300s")
    assert isinstance(data, dict)
    assert data["config.file"] == "./a.yml"
    assert data["web.read-timeout"] == "5m"
    assert data["storage.agent.path"] == "data-agent/"
    assert all(isinstance(value, str) for value in data.values())


async def test_build_info_has_six_facts() -> None:
    """Service 42: the keys that Grafana tells backends apart by."""
    data = await data_of(FakeService(), "buildinfo")
    assert isinstance(data, dict)
    assert list(data) == ["version", "revision", "branch", "buildUser", "buildDate", "goVersion"]


async def test_runtime_info_has_the_references_keys_in_its_order() -> None:
    """Service 42, 6.5: what has no meaning in Python has an agreed stand-in."""
    service = FakeService(last_reload_ok=False, corruption_count=3)
    data = await data_of(service, "runtimeinfo", "--storage.agent.retention.max-time=36h")
    assert isinstance(data, dict)
    assert list(data) == [
        "startTime",
        "CWD",
        "hostname",
        "serverTime",
        "reloadConfigSuccess",
        "lastConfigTime",
        "corruptionCount",
        "goroutineCount",
        "GOMAXPROCS",
        "GOMEMLIMIT",
        "GOGC",
        "GODEBUG",
        "storageRetention",
        "core",
    ]
    assert data["core"] in ("cython", "python")
    assert data["startTime"] == "2026-01-02T03:04:05.123456789Z"
    assert data["lastConfigTime"] == "2026-01-02T03:04:10Z"
    assert data["serverTime"].endswith("Z")
    assert data["CWD"] == str(Path.cwd())
    assert data["reloadConfigSuccess"] is False
    assert data["corruptionCount"] == 3
    assert data["goroutineCount"] > 0
    assert (data["GOMAXPROCS"], data["GOMEMLIMIT"]) == (4, 1 << 30)
    assert data["storageRetention"] == "1d12h"


async def test_no_memory_limit_is_gos_largest_number() -> None:
    """Service 6.5: readers of the API expect an integer."""
    service = FakeService(limits=Limits(1, None, Source.SYSTEM, Source.SYSTEM))
    data = await data_of(service, "runtimeinfo")
    assert isinstance(data, dict)
    assert data["GOMEMLIMIT"] == 2**63 - 1


async def test_a_working_directory_that_is_gone_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Service 6.5: the page must not fail because someone tidied up."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    data = await data_of(FakeService(), "runtimeinfo")
    assert isinstance(data, dict)
    assert data["CWD"] == "<error retrieving current working directory>"


async def test_the_replay_of_an_agents_log_is_always_zero() -> None:
    """Service 17, 6.5: only a server counts it; clients wait for max to be current."""
    assert await data_of(FakeService(), "walreplay") == {"min": 0, "max": 0, "current": 0}


async def test_the_configuration_is_shown_as_it_took_effect() -> None:
    """Service 43, 6.5: defaults filled in, and the new one after a reload."""
    first = parse(b"scrape_configs: [{job_name: one}]", "p.yml", {})
    second = parse(b"scrape_configs: [{job_name: two}]", "p.yml", {})
    service = FakeService(config=first)
    async with serving(service) as client:
        shown = []
        for config in (first, first, second):
            service.config = config
            data = (await client.get(f"{STATUS}/config")).data
            assert isinstance(data, dict)
            shown.append(data["yaml"])
    assert "job_name: one" in shown[0]
    assert "scrape_interval: 1m" in shown[0]
    assert shown[1] == shown[0]
    assert "job_name: two" in shown[2]


async def test_marks_of_html_are_escaped_in_the_json() -> None:
    """Service 43, 6.1: an answer that lands in a page does nothing there."""
    config = Config(scrape_configs=(ScrapeConfig(job_name="<secret>&"),))
    async with serving(FakeService(config=config)) as client:
        answer = await client.get(f"{STATUS}/config")
    assert rb"\u003csecret\u003e\u0026" in answer.body
    assert not set(b"<>&") & set(answer.body)
    assert "<secret>&" in json.loads(answer.body)["data"]["yaml"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\udcffb", "a\ufffdb"),
        ({"k\udcff": ["\udcff", 1, None, True, 0.5]}, {"k\ufffd": ["\ufffd", 1, None, True, 0.5]}),
    ],
)
def test_bytes_that_were_not_utf8_become_replacement_characters(
    value: object, text: object
) -> None:
    """Service 6.1: one bad help text must not take the whole answer with it."""
    assert json.loads(encode(value)) == text
