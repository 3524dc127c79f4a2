"""Requests to an API server, with credentials that change."""

import socket
import sys
from collections.abc import AsyncIterator, Mapping

import pytest
import structlog
import trustme
from prometheus_client import CollectorRegistry
from structlog.testing import LogCapture

from promscrape.clock import SystemClock
from promscrape.discovery.kubernetes.connection import Access, Connection
from promscrape.discovery.kubernetes.credential import Credential
from promscrape.discovery.kubernetes.metrics import KubernetesMetrics
from promscrape.discovery.kubernetes.refusal import Refusal
from promscrape.errors import DiscoveryError, FetchError
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.secret import Secret
from tests.support.http_server import RecordingServer
from tests.support.kubernetes_api import Fault, KubernetesAPI
from tests.support.tls import ca_pem, cert_pem, key_pem, server_context


class Changing:
    """Credentials that the test changes."""

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self.rejected: list[Credential] = []

    async def current(self) -> Credential:
        return self.credential

    def reject(self, credential: Credential) -> None:
        self.rejected.append(credential)


def connect(access: Access) -> Connection:
    return Connection(
        access,
        lambda config: HTTPClient(config, "promscrape/test"),
        SystemClock(),
        KubernetesMetrics(CollectorRegistry()),
        structlog.wrap_logger(None, processors=[LogCapture()]),
    )


async def fetch(connection: Connection) -> bytes:
    async with connection.get("/api/v1/pods", {"limit": "1"}, "application/json") as parts:
        return b"".join([part async for part in parts])


@pytest.fixture
async def api() -> AsyncIterator[KubernetesAPI]:
    async with KubernetesAPI() as api:
        yield api


async def test_a_new_certificate_is_taken_up(api: KubernetesAPI) -> None:
    """K-7: exec plug-ins renew them; connections that were made with the old one end."""
    authority = trustme.CA()
    leaves = [authority.issue_cert(name) for name in ("first", "second")]
    credentials = Changing(Credential("Bearer t", cert_pem(leaves[0]), Secret(key_pem(leaves[0]))))
    context = server_context(authority.issue_cert("127.0.0.1"), clients_of=authority)
    async with RecordingServer(context=context) as server:
        config = HTTPClientConfig(tls_config=TLSConfig(ca=ca_pem(authority)))
        connection = connect(Access(server.url, config, credentials))
        seen = []
        for leaf in (leaves[0], leaves[0], leaves[1]):
            credentials.credential = Credential("Bearer t", cert_pem(leaf), Secret(key_pem(leaf)))
            assert await fetch(connection) == b"hello"
            transport = server.requests[-1].transport
            if transport is not None:
                seen.append(transport.get_extra_info("peername"))
        await connection.close()
        assert server.sent("Authorization") == ["Bearer t"] * 3
    certificates = {seen[0], seen[1]}
    assert len(certificates) == 1, "an unchanged certificate keeps its connection"
    assert seen[2] not in certificates


async def test_a_certificate_that_cannot_be_used_is_an_error_of_the_request(
    api: KubernetesAPI,
) -> None:
    """K-7: the next one may be better."""
    credentials = Changing(Credential(cert="no certificate", key=Secret("no key")))
    connection = connect(Access(api.url, HTTPClientConfig(), credentials))
    with pytest.raises(DiscoveryError, match="failed to find any PEM data"):
        await fetch(connection)
    credentials.credential = Credential()
    assert b"PodList" in await fetch(connection)
    await connection.close()


async def test_a_refusal_says_why_and_only_401_rejects_the_credential(api: KubernetesAPI) -> None:
    """K-6, K-14."""
    credentials = Changing(Credential("Bearer t"))
    connection = connect(Access(api.url, HTTPClientConfig(), credentials))
    api.refuse("list", "pods", Fault(403, "Forbidden", "not yours"), Fault(401, "Unauthorized"))
    with pytest.raises(Refusal, match="GET /api/v1/pods: 403 not yours"):
        await fetch(connection)
    assert credentials.rejected == []
    with pytest.raises(Refusal, match="401"):
        await fetch(connection)
    assert credentials.rejected == [credentials.credential]
    await connection.close()


def watch(api: KubernetesAPI) -> Mapping[str, str]:
    return {"watch": "true", "resourceVersion": str(api.version)}


async def test_the_kernel_watches_over_connections(api: KubernetesAPI) -> None:
    """K-11: one that died without a word is cut within a minute, though nobody sends on it."""
    made: list[socket.socket] = []
    connection = connect(Access(api.url, HTTPClientConfig()))
    async with connection.get("/api/v1/pods", watch(api), "application/json"):
        client = connection._client
        assert client is not None
        connector = client._session.connector
        assert connector is not None
        for protocol in connector._acquired:
            assert protocol.transport is not None
            made.append(protocol.transport.get_extra_info("socket"))
        (wire,) = made
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if sys.platform == "linux":
            idle_s = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            interval_s = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
            probes = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
            assert idle_s + interval_s * probes <= 60
    await connection.close()


async def test_a_body_that_is_cut_is_an_error(api: KubernetesAPI) -> None:
    """K-12: and not the end of a list."""
    connection = connect(Access(api.url, HTTPClientConfig()))
    async with connection.get("/api/v1/pods", watch(api), "application/json") as parts:
        await api.go_down()
        with pytest.raises(FetchError, match=r"EOF|reset"):
            await anext(parts)
    await connection.close()
