"""The way of a request to its host: directly, or through a proxy.

Source: Prometheus common config/http_config.go, ProxyConfig; golang.org/x/net/http/httpproxy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final
from urllib.parse import unquote

from multidict import CIMultiDict
from yarl import URL

from promscrape.errors import ConfigError
from promscrape.httpclient.credentials import basic
from promscrape.httpclient.no_proxy import NoProxy
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.model.quoting import quote


@final
@dataclass(frozen=True, slots=True)
class Route:
    """Where a request is sent to.

    proxy: None for the host itself; without the credentials that its URL may have.
    connect_headers: what the proxy is told when a tunnel is asked for, credentials included.
    authorization: the credentials for the proxy, which a request without a tunnel carries; "" for
        none.
    """

    proxy: URL | None = None
    connect_headers: CIMultiDict[str] | None = field(default=None, repr=False)
    authorization: str = field(default="", repr=False)


DIRECT: Final = Route()


@final
class Router:
    """Chooses the route for each request of one client."""

    def __init__(self, http: Route, https: Route, no_proxy: NoProxy | None) -> None:
        self._http, self._https, self._no_proxy = http, https, no_proxy

    def route(self, url: URL) -> Route:
        """Return the route to an absolute http or https URL."""
        route = self._https if url.scheme == "https" else self._http
        if route is DIRECT or self._no_proxy is None:
            return route
        return DIRECT if self._no_proxy.matches(url.host or "", url.port or 0) else route


def router(config: ProxyConfig, environ: Mapping[str, str]) -> Router | None:
    """Return what chooses the route, None where every request goes directly.

    Raises ConfigError for a proxy that cannot be used. The environment is read now, not later.
    """
    if config.proxy_from_environment:
        http = _variable(environ, "HTTP_PROXY")
        https = _variable(environ, "HTTPS_PROXY")
        return Router(
            _from_variable("HTTP_PROXY", http, config),
            _from_variable("HTTPS_PROXY", https, config),
            NoProxy(_variable(environ, "NO_PROXY")),
        )
    if config.proxy_url:
        route = _through("proxy_url", config.proxy_url.reveal(), config)
        return Router(route, route, NoProxy(config.no_proxy) if config.no_proxy else None)
    return None


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower(), "")


def _from_variable(name: str, text: str, config: ProxyConfig) -> Route:
    if not text:
        return DIRECT
    # The environment's proxies are often written as host:port alone.
    return _through(name, text if "://" in text else f"http://{text}", config)


def _through(setting: str, text: str, config: ProxyConfig) -> Route:
    """Return the route through a proxy. Raises ConfigError, which does not show its password."""
    try:
        url = URL(text, encoded=True)
        scheme, host, _ = url.scheme, url.host, url.port
    except ValueError:
        raise ConfigError(f"{setting} is not a URL") from None
    if scheme not in ("http", "https") or not host:
        raise ConfigError(
            f"{setting} has the scheme {quote(scheme)}: only http:// and https:// proxies are "
            "supported"
        )
    authorization = ""
    if url.raw_user is not None or url.raw_password is not None:
        authorization = basic(unquote(url.raw_user or ""), unquote(url.raw_password or ""))
    return Route(url.with_user(None), _connect_headers(config, authorization), authorization)


def _connect_headers(config: ProxyConfig, authorization: str) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, values in config.proxy_connect_header.items():
        for value in values:
            headers.add(name, value.reveal())
    if authorization and "Proxy-Authorization" not in headers:
        headers["Proxy-Authorization"] = authorization
    return headers
