"""Where the API of a Consul section is."""

import asyncio
from pathlib import Path

import pytest

from promscrape.discovery.consul.api import Server
from promscrape.discovery.consul.provider import KIND
from promscrape.errors import DiscoveryError
from tests.support.consul_server import FakeConsul, instance
from tests.support.discovery import discovering
from tests.support.entries import entry_of, until


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("", "http://localhost:8500"),
        ("server: ' a:1 '", "http://a:1"),
        ("server: a, scheme: https, path_prefix: /b", "https://a/b"),
        ("server: 'http://a:1'", "http://a:1"),
        ("server: 'https://a:1'", "https://a:1"),
        ("server: 'http://a:1', scheme: https", "https://a:1"),
        ("server: 'https://a:1/b/c/', path_prefix: /d", "https://a:1/b/c"),
        ("server: 'http://a:1', path_prefix: /d", "http://a:1/d"),
    ],
)
def test_the_server_is_written_in_several_ways(text: str, base: str) -> None:
    """Section 4.1: a scheme in the address counts, and a path in it becomes the prefix."""
    assert Server.of(entry_of(KIND, text)) == Server(base)


def test_another_scheme_is_refused_when_the_provider_is_made() -> None:
    """Section 4.1, M-3; a password is not shown."""
    with pytest.raises(DiscoveryError) as caught:
        Server.of(entry_of(KIND, "server: 'ftp://me:hidden@a'"))
    assert str(caught.value) == (
        "server ftp://me:xxxxx@a: unknown scheme; it is http, https or unix"
    )


async def test_an_agent_may_listen_on_a_unix_socket(tmp_path: Path) -> None:
    """Section 4.1."""
    path = tmp_path / "consul.sock"
    entry = entry_of(KIND, f"server: 'unix://{path}', path_prefix: ''")
    assert Server.of(entry) == Server("http://localhost", str(path))
    async with FakeConsul(unix_socket=path) as consul:
        await consul.register("web", instance("web-1"))
        async with asyncio.timeout(10), discovering(KIND, entry) as found:
            await until(lambda: found.published.groups)
