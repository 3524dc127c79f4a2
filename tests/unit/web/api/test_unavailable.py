import pytest

from tests.support.service import FakeService, serving

BODY = '{"status":"error","errorType":"execution","error":"unavailable with Prometheus Agent"}'


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(
            (method, path)
            for path in ("query", "query_range", "query_exemplars", "labels", "series")
            for method in ("GET", "POST")
        ),
        ("GET", "format_query"),
        ("POST", "parse_query?query=("),
        ("GET", "label/x/values"),
        ("GET", "alertmanagers"),
        ("GET", "alerts"),
        ("GET", "rules"),
        ("GET", "status/tsdb"),
        ("GET", "status/tsdb/blocks"),
        ("POST", "admin/tsdb/delete_series"),
        ("PUT", "admin/tsdb/clean_tombstones"),
        ("POST", "admin/tsdb/snapshot"),
    ],
)
async def test_what_an_agent_has_not_is_said_before_any_parameter_is_looked_at(
    method: str, path: str
) -> None:
    """Service 29, 6.2: 422 with the exact body, which tools tell agents by."""
    async with serving(FakeService()) as client:
        answer = await client.ask(method, f"/api/v1/{path}")
    assert (answer.status, answer.text) == (422, BODY)
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("POST", "alerts", "GET, OPTIONS"), ("GET", "admin/tsdb/snapshot", "OPTIONS, POST, PUT")],
)
async def test_other_methods_are_refused_as_everywhere(method: str, path: str, allow: str) -> None:
    """Service 30, 6.1: outside the envelope."""
    async with serving(FakeService()) as client:
        answer = await client.ask(method, f"/api/v1/{path}")
    assert (answer.status, answer.text) == (405, "Method Not Allowed\n")
    assert answer.headers["Allow"] == allow
