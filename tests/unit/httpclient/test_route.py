"""Requests through a real proxy, and around it."""

import base64
from collections.abc import Mapping

import msgspec
import pytest
import trustme
import yarl

from promscrape.errors import ConfigError, FetchError
from promscrape.httpclient.auth import BasicAuth
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.httpclient.route import DIRECT, router
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from tests.support.http_server import RecordingServer
from tests.support.proxy import ForwardProxy
from tests.support.requests import fetch, text_of
from tests.support.tls import ca_pem, server_context


def through(proxy_url: str, tls: TLSConfig | None = None, **more: object) -> HTTPClientConfig:
    """Return a client's configuration with a proxy."""
    proxy = msgspec.structs.replace(ProxyConfig(proxy_url=URL(proxy_url)), **more)
    return HTTPClientConfig(proxy=proxy, tls_config=tls or TLSConfig())


async def test_a_plain_request_is_forwarded() -> None:
    """Config 9.1: with a bare `proxy_url` everything goes through it, loopback too."""
    async with RecordingServer() as server, ForwardProxy() as proxy:
        assert await fetch(f"{server.url}/x", through(f"http://{proxy.address}")) == "hello"
    assert proxy.request_lines == [f"GET {server.url}/x HTTP/1.1"]
    assert server.sent("Host") == [f"127.0.0.1:{server.port}"]


async def test_a_tls_request_is_tunneled(authority: trustme.CA) -> None:
    """The certificate is the target's, not the proxy's, and is verified."""
    context = server_context(authority.issue_cert("a.example"))
    tls = TLSConfig(ca=ca_pem(authority))
    async with RecordingServer(context=context) as server, ForwardProxy() as proxy:
        config = through(f"http://{proxy.address}", tls)
        assert await fetch(f"https://a.example:{server.port}/", config) == "hello"
    assert proxy.request_lines == [f"CONNECT a.example:{server.port} HTTP/1.1"]


async def test_a_proxy_may_speak_tls_itself(authority: trustme.CA) -> None:
    """Config 9.1: TLS within TLS, each side with its own name in its certificate."""
    target = server_context(authority.issue_cert("a.example"))
    outer = server_context(authority.issue_cert("127.0.0.1"))
    async with RecordingServer(context=target) as server, ForwardProxy(context=outer) as proxy:
        config = through(f"https://{proxy.address}", TLSConfig(ca=ca_pem(authority)))
        assert await fetch(f"https://a.example:{server.port}/", config) == "hello"


async def test_credentials_for_the_proxy_reach_it_alone(authority: trustme.CA) -> None:
    """Config 9.1: those in `proxy_url`; the target sees its own, in a tunnel and without one."""
    password = base64.b64encode(b"me:p@ss").decode()
    context = server_context(authority.issue_cert("a.example"))
    async with (
        RecordingServer(context=context) as secure,
        RecordingServer() as plain,
        ForwardProxy(password=password) as proxy,
    ):
        config = HTTPClientConfig(
            basic_auth=BasicAuth(username="a", password=Secret("b")),
            proxy=ProxyConfig(proxy_url=URL(f"http://me:p%40ss@{proxy.address}")),
            tls_config=TLSConfig(ca=ca_pem(authority)),
        )
        assert await fetch(plain.url, config) == "hello"
        assert await fetch(f"https://a.example:{secure.port}/", config) == "hello"
    assert secure.sent("Proxy-Authorization") == [None]
    assert secure.sent("Authorization") == plain.sent("Authorization") == ["Basic YTpi"]
    assert not [line for line in proxy.heads[1] if line.startswith("Authorization")]


async def test_headers_for_the_proxy_are_sent_with_connect_only(authority: trustme.CA) -> None:
    """Config 9.1: `proxy_connect_header`."""
    context = server_context(authority.issue_cert("a.example"))
    header = {"X-Proxy": (Secret("one"), Secret("two"))}
    async with (
        RecordingServer(context=context) as secure,
        RecordingServer() as plain,
        ForwardProxy() as proxy,
    ):
        url = f"http://{proxy.address}"
        tls = TLSConfig(ca=ca_pem(authority))
        config = through(url, tls, proxy_connect_header=header)
        await fetch(f"https://a.example:{secure.port}/", config)
        await fetch(plain.url, config)
    tunnel, forwarded = proxy.heads
    assert [line for line in tunnel if line.startswith("X-Proxy")] == [
        "X-Proxy: one",
        "X-Proxy: two",
    ]
    assert not [line for line in forwarded if line.startswith("X-Proxy")]
    assert secure.sent("X-Proxy") == plain.sent("X-Proxy") == [None]


async def test_no_proxy_goes_around_it() -> None:
    """Config 9.1: listed hosts and, once it is set, loopback; others go through the proxy."""
    async with RecordingServer() as server, ForwardProxy() as proxy:
        config = through(f"http://{proxy.address}", no_proxy="other.example")
        async with HTTPClient(config, "promscrape/test") as client:
            await text_of(client, f"{server.url}/direct")
            await text_of(client, f"http://a.example:{server.port}/proxied")
    assert [request.path for request in server.requests] == ["/direct", "/proxied"]
    assert proxy.request_lines == [f"GET http://a.example:{server.port}/proxied HTTP/1.1"]


async def test_connections_through_a_proxy_are_kept(authority: trustme.CA) -> None:
    """H9: a tunnel serves request after request."""
    context = server_context(authority.issue_cert("a.example"))
    async with RecordingServer(context=context) as server, ForwardProxy() as proxy:
        config = through(f"http://{proxy.address}", TLSConfig(ca=ca_pem(authority)))
        async with HTTPClient(config, "promscrape/test") as client:
            for _ in range(3):
                await text_of(client, f"https://a.example:{server.port}/")
    assert len(server.requests) == 3
    assert len(proxy.heads) == 1


async def test_a_proxy_that_refuses_is_named() -> None:
    """H13: the reason is the proxy's own."""
    async with ForwardProxy(password="x") as proxy:
        with pytest.raises(FetchError) as caught:
            await fetch("https://a.example/", through(f"http://me:hidden@{proxy.address}"))
    assert str(caught.value) == 'Get "https://a.example/": Proxy Authentication Required'


async def test_a_proxy_that_cannot_be_reached_is_named() -> None:
    """H13: `proxyconnect` says that it is not the target."""
    async with ForwardProxy() as proxy:
        address = proxy.address
    with pytest.raises(FetchError) as caught:
        await fetch("http://a.example/", through(f"http://me:hidden@{address}"))
    assert str(caught.value) == (
        f'Get "http://a.example/": proxyconnect tcp: dial tcp {address}: connect: '
        "connection refused"
    )


async def test_the_environment_can_name_the_proxy() -> None:
    """Config 9.1: `proxy_from_environment`, loopback being direct."""
    async with RecordingServer() as server, ForwardProxy() as proxy:
        config = HTTPClientConfig(proxy=ProxyConfig(proxy_from_environment=True))
        environ = {"http_proxy": proxy.address}
        async with HTTPClient(config, "promscrape/test", environ=environ) as client:
            await text_of(client, f"http://a.example:{server.port}/proxied")
            await text_of(client, f"{server.url}/direct")
    assert proxy.request_lines == [f"GET http://a.example:{server.port}/proxied HTTP/1.1"]


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "http://a.example/", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://a.example/", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://a.example/", None),
        ({"HTTPS_PROXY": "p:1"}, "https://a.example/", "http://p:1"),
        ({"https_proxy": "https://p"}, "https://a.example/", "https://p"),
        ({"HTTP_PROXY": "p:1", "http_proxy": "q:1"}, "http://a.example/", "http://p:1"),
        ({"HTTP_PROXY": "p:1", "NO_PROXY": "a.example"}, "http://a.example/", None),
        ({"HTTP_PROXY": "p:1", "no_proxy": "a.example:80"}, "http://a.example/", None),
        ({"HTTP_PROXY": "p:1", "NO_PROXY": "a.example:80"}, "http://a.example:81/", "http://p:1"),
        ({"HTTP_PROXY": "p:1"}, "http://localhost/", None),
        ({"HTTP_PROXY": "p:1"}, "http://[::1]/", None),
    ],
)
def test_the_environment_is_read_as_by_everybody(
    environ: Mapping[str, str], url: str, proxy: str | None
) -> None:
    """Config 9.1: upper case before lower case, each scheme its own variable."""
    routes = router(ProxyConfig(proxy_from_environment=True), environ)
    assert routes is not None
    chosen = routes.route(yarl.URL(url)).proxy
    assert chosen == (yarl.URL(proxy) if proxy else None)


def test_without_a_proxy_there_is_nothing_to_choose() -> None:
    """The environment counts only where the file says so."""
    assert router(ProxyConfig(), {"HTTP_PROXY": "http://p:1"}) is None
    assert DIRECT.proxy is None


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (ProxyConfig(proxy_url=URL("socks5://me:hidden@p:1")), 'the scheme "socks5": only http:'),
        (ProxyConfig(proxy_url=URL("localhost:3128")), 'proxy_url has the scheme "localhost"'),
        (ProxyConfig(proxy_url=URL("http://me:hidden@p:99999")), "proxy_url is not a URL"),
        (ProxyConfig(proxy_from_environment=True), 'HTTPS_PROXY has the scheme "socks5"'),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused(config: ProxyConfig, error: str) -> None:
    """Config 2.5: it loads, and the client is not made; a password is not shown."""
    with pytest.raises(ConfigError) as caught:
        router(config, {"HTTPS_PROXY": "socks5://me:hidden@p:1"})
    assert error in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_route_prints_without_its_credentials() -> None:
    """Config 14: nothing that might be logged shows a secret."""
    config = ProxyConfig(
        proxy_url=URL("http://me:hidden@p:1"), proxy_connect_header={"X-A": (Secret("hidden"),)}
    )
    routes = router(config, {})
    assert routes is not None
    assert "hidden" not in repr(routes.route(yarl.URL("https://a.example/")))
