"""`check healthy` and `check ready`, against servers that answer in every way."""

import io

import pytest

from promscrape.command.check_server import check_server
from promscrape.command.console import Console
from promscrape.web.state import Phase
from tests.support.exporter import Exporter
from tests.support.peers import free_port
from tests.support.service import FakeService, serving


async def check(url: str, word: str = "ready") -> tuple[int, str]:
    """Return the exit code and what stands on stderr; stdout stays empty."""
    out, err = io.StringIO(), io.StringIO()
    code = await check_server(url, word, Console(out, err))
    assert out.getvalue() == ""
    return code, err.getvalue()


@pytest.mark.parametrize(("word", "text"), [("healthy", "Healthy"), ("ready", "Ready")])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_daemon_that_is_fine_is_a_success(word: str, text: str, slash: str) -> None:
    """Service 56, 9.4: whether or not the URL ends in a slash."""
    async with serving(FakeService()) as client:
        code, err = await check(f"http://{client.address}{slash}", word)
    assert (code, err) == (0, f"  SUCCESS:  Prometheus Agent is {text}.\n\n")


async def test_a_daemon_that_starts_is_not_ready() -> None:
    """Service 56: the status says so."""
    async with serving(FakeService(phase=Phase.STARTING)) as client:
        url = f"http://{client.address}"
        assert await check(url) == (1, f"check failed: URL={url}/-/ready, status=503\n")
        assert (await check(url, "healthy"))[0] == 0


async def test_a_prefix_is_part_of_the_url() -> None:
    """Service 9.4: as it is typed."""
    async with Exporter(b"fine") as exporter:
        assert await check(f"http://{exporter.address}/pre") == (0, "  SUCCESS:  fine\n")
        assert exporter.requests == ["/pre/-/ready"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "nonsense", "", "ftp://127.0.0.1"])
async def test_a_server_that_cannot_be_asked_is_an_error(url: str) -> None:
    """Service 9.4: the reason is said, and nothing else happens."""
    asked = url.format(port=free_port())
    code, err = await check(asked)
    assert code == 1
    assert err.startswith(f'Get "{asked}/-/ready": ')


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Service 9.4: after ten seconds; here sooner."""
    monkeypatch.setattr("promscrape.command.check_server._TIMEOUT_S", 0.01)
    async with Exporter() as exporter:
        exporter.delay.clear()
        code, err = await check(f"http://{exporter.address}")
    assert code == 1
    assert err.endswith('/-/ready": no answer within 0.01 s\n')
