import asyncio
import json

import pytest

from promscrape.errors import ConfigError
from promscrape.version import Version
from tests.support.service import FakeService, serving


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/-/healthy", "Prometheus Agent is Healthy.\n"),
        ("/-/ready", "Prometheus Agent is Ready.\n"),
    ],
)
async def test_health_checks_answer_get_and_head(path: str, body: str) -> None:
    """Service 16, 18, 5: the bodies that scripts compare."""
    async with serving(FakeService()) as client:
        answer = await client.get(path)
        assert (answer.status, answer.text) == (200, body)
        answer = await client.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        answer = await client.ask("POST", path)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", ["/-/reload", "/-/quit"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_without_the_flag_lifecycle_is_forbidden(path: str, method: str) -> None:
    """Service 19, 5: whoever reaches the port cannot end the process."""
    service = FakeService()
    async with serving(service) as client:
        answer = await client.ask(method, path)
    assert (answer.status, answer.text) == (403, "Lifecycle API is not enabled.")
    assert (service.reloads, service.is_quitting) == (0, False)


@pytest.mark.parametrize("path", ["/-/reload", "/-/quit"])
@pytest.mark.parametrize("argument", ["--web.enable-lifecycle", "--no-web.enable-lifecycle"])
async def test_lifecycle_is_not_for_browsers(path: str, argument: str) -> None:
    """Service 19, 5: a link or an image must not reload anything."""
    service = FakeService()
    async with serving(service, argument) as client:
        answer = await client.get(path)
        assert (answer.status, answer.text) == (405, "Only POST or PUT requests allowed")
        assert "Allow" not in answer.headers
        for method in ("HEAD", "DELETE", "PATCH"):
            answer = await client.ask(method, path)
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, OPTIONS, POST, PUT")
    assert (service.reloads, service.is_quitting) == (0, False)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_reload_is_answered_when_it_is_done(method: str) -> None:
    """Service 20, 5: 200 without a body, not before the new configuration is in effect."""
    service = FakeService(may_reload=asyncio.Event())
    async with serving(service, "--web.enable-lifecycle") as client:
        asked = asyncio.create_task(client.ask(method, "/-/reload"))
        await client.get("/-/healthy")
        assert not asked.done()
        assert service.may_reload is not None
        service.may_reload.set()
        answer = await asked
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == "0"
    assert service.reloads == 1


async def test_a_failed_reload_says_why() -> None:
    """Service 21, 5: the whole reason, in one answer."""
    reason = 'couldn\'t load configuration (--config.file="q.yml"): parsing YAML file q.yml: x'
    service = FakeService(reload_error=ConfigError(reason))
    async with serving(service, "--web.enable-lifecycle") as client:
        answer = await client.ask("POST", "/-/reload")
    assert (answer.status, answer.text) == (500, f"failed to reload config: {reason}\n")


async def test_quit_is_answered_once_and_again() -> None:
    """Service 24, 5: the first request ends the process, the others learn that it ends."""
    service = FakeService()
    async with serving(service, "--web.enable-lifecycle") as client:
        answer = await client.ask("POST", "/-/quit")
        assert (answer.status, answer.text) == (200, "Requesting termination... Goodbye!")
        answer = await client.ask("PUT", "/-/quit")
        assert (answer.status, answer.text) == (200, "Termination already in progress.")
    assert service.is_quitting


@pytest.mark.parametrize(
    ("arguments", "path", "status", "location"),
    [
        ([], "/", 302, "/agent"),
        ([], "/graph?g0.expr=up", 302, "/query?g0.expr=up"),
        ([], "/graph?a=%0d%0aX:1", 302, "/query?a=%0d%0aX:1"),
        ([], "/metrics/?a=%0d%0aX:1", 301, "/metrics?a=%0d%0aX:1"),
        (["--web.external-url=http://e:8080/pre/"], "/", 302, "/pre"),
        (["--web.external-url=http://e:8080/pre/"], "/pre", 301, "/pre/"),
        (["--web.external-url=http://e:8080/pre/"], "/pre/", 302, "/pre/agent"),
        (["--web.external-url=http://e:8080/pre", "--web.route-prefix=/"], "/", 302, "/pre/agent"),
        (["--web.external-url=http://e/a b"], "/a%20b/", 302, "/a%20b/agent"),
    ],
)
async def test_the_way_to_the_first_page(
    arguments: list[str], path: str, status: int, location: str
) -> None:
    """Service 27, 28, 4.2: routes use the prefix, links the external path."""
    async with serving(FakeService(), *arguments) as client:
        answer = await client.get(path)
    assert (answer.status, answer.headers["Location"]) == (status, location)


@pytest.mark.parametrize(
    ("arguments", "path", "status"),
    [
        (["--web.external-url=http://e:8080/pre/"], "/metrics", 404),
        (["--web.external-url=http://e:8080/pre/"], "/pre/metrics", 200),
        (["--web.external-url=http://e:8080/pre/"], "/pre/api/v1/targets", 200),
        (["--web.external-url=http://e:8080/pre/"], "/pre/agent", 200),
        (["--web.external-url=http://e:8080/pre", "--web.route-prefix=/"], "/metrics", 200),
        ([], "/consoles/x", 404),
        ([], "/debug/pprof/heap", 404),
        ([], "/user/x", 404),
        ([], "/api/v1/write", 404),
    ],
)
async def test_what_is_served_and_what_is_not(arguments: list[str], path: str, status: int) -> None:
    """Service 27, 28, 4.1: under the prefix only; no consoles, no profiles."""
    async with serving(FakeService(), *arguments) as client:
        answer = await client.get(path)
    assert answer.status == status
    if status == 404:
        assert answer.text == "404 page not found\n"


async def test_federation_is_not_for_agents() -> None:
    """Service 31: a log has no queries."""
    async with serving(FakeService()) as client:
        answer = await client.get("/federate?match[]=up")
    assert (answer.status, answer.text) == (500, "unsupported operation with WAL-only storage\n")


async def test_version_is_the_build_as_json() -> None:
    """Service 4.1: the same six facts as the API has."""
    async with serving(FakeService()) as client:
        answer = await client.get("/version")
        data = (await client.get("/api/v1/status/buildinfo")).data
    assert answer.text.endswith("\n")
    assert json.loads(answer.body) == data
    assert json.loads(answer.body)["version"] == Version.current().version
