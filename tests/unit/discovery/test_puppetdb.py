"""Targets from the resources that PuppetDB knows."""

import json

import pytest
from aiohttp import web

from promscrape.discovery.puppetdb import KIND
from tests.support.entries import until
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

QUERY = 'resources { type = "Class" }'
TEXT = f"url: '{{url}}/', query: '{QUERY}'"
PATH = "/pdb/query/v4"
RESOURCE = {
    "certname": "web-1.example.com",
    "resource": "49af83866dc5a1518968b68e58a25319107afe11",
    "type": "Class",
    "title": "Apache",
    "exported": True,
    "tags": ["class", "apache"],
    "file": "/etc/puppet/site.pp",
    "line": 384,
    "environment": "prod",
    "parameters": {
        "a": {"b": 1, "c.d": {"e": "f"}},
        "l": [0, 2, 5],
        "mixed": ["a", True, None, 1.5],
        "maps": [{"a": 1}, {"b": 2}],
        "map": [{"a": 1}],
        "e": [],
        "n": 1000000,
        "pi": 3.14,
        "small": 0.00001,
        "whole": 22.0,
        "port-number": 80,
        "on": False,
        "empty": "",
        "nothing": None,
    },
}
LABELS = {
    "__address__": "web-1.example.com:80",
    "__meta_puppetdb_query": QUERY,
    "__meta_puppetdb_certname": "web-1.example.com",
    "__meta_puppetdb_resource": "49af83866dc5a1518968b68e58a25319107afe11",
    "__meta_puppetdb_type": "Class",
    "__meta_puppetdb_title": "Apache",
    "__meta_puppetdb_exported": "true",
    "__meta_puppetdb_file": "/etc/puppet/site.pp",
    "__meta_puppetdb_environment": "prod",
    "__meta_puppetdb_tags": ",class,apache,",
}


async def test_a_resource_has_all_its_labels() -> None:
    """5.19, test 124: its parameters where they are asked for."""
    async with FakeAPI({PATH: [RESOURCE]}) as api:
        group = await api.group(KIND, TEXT)
        (request,) = api.server.requests
        assert group.source == f"{api.url}{PATH}?query={QUERY}"
    assert [dict(target) for target in group.targets] == [LABELS]
    assert (request.method, request.raw_path) == ("POST", PATH)
    assert request.headers["Content-Type"] == request.headers["Accept"] == "application/json"
    assert json.loads(api.server.bodies[0]) == {"query": QUERY}


async def test_parameters_are_written_as_prometheus_writes_them() -> None:
    """5.19, test 119."""
    async with FakeAPI({PATH: [RESOURCE]}) as api:
        (target,) = await api.targets(KIND, f"{TEXT}, include_parameters: true, port: 9")
    prefix = "__meta_puppetdb_parameter_"
    assert {
        name.removeprefix(prefix): value
        for name, value in target.items()
        if name.startswith(prefix)
    } == {
        "a_b": "1",
        "a_c_d_e": "f",
        "l": "0,2,5",
        "mixed": "a,true,,1.5",
        "maps": ",",
        "n": "1e+06",
        "pi": "3.14",
        "small": "1e-05",
        "whole": "22",
        "port_number": "80",
        "on": "false",
    }
    assert target["__address__"] == "web-1.example.com:9"


async def test_a_resource_without_anything_has_its_labels_empty() -> None:
    """5.19, test 124."""
    async with FakeAPI({PATH: [{"certname": "a", "tags": None, "parameters": None}]}) as api:
        (target,) = await api.targets(KIND, f"{TEXT}, include_parameters: true")
    assert {name: value for name, value in target.items() if value} == {
        "__address__": "a:80",
        "__meta_puppetdb_query": QUERY,
        "__meta_puppetdb_certname": "a",
        "__meta_puppetdb_exported": "false",
    }
    assert "__meta_puppetdb_tags" not in target


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_failure_keeps_the_targets(fault: Fault) -> None:
    """C-4, B-6."""
    async with FakeAPI({PATH: [RESOURCE]}) as api:
        await api.check_failure(KIND, TEXT, fault)


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, f"{TEXT}, bearer_token: hidden", "hidden")


async def test_an_answer_that_is_not_called_json_is_refused() -> None:
    """5.19, H-3."""
    async with FakeAPI({}) as api:

        async def as_text(_: web.Request) -> web.StreamResponse:
            return web.Response(text="[]")

        api.server.answer = as_text
        async with api.discovering(KIND, TEXT) as found:
            await until(lambda: found.logs.entries)
    assert str(found.logs.entries[0]["err"]) == (
        'unsupported content type "text/plain; charset=utf-8"'
    )
