"""The words for failures that no server on loopback produces."""

import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from promscrape.httpclient.transport_error import reason

KEY = ConnectionKey("a.example", 443, True, True, None, None, None)


def refused(code: int, message: str) -> aiohttp.ClientConnectorCertificateError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return aiohttp.ClientConnectorCertificateError(KEY, error)


@pytest.mark.parametrize(
    ("code", "message", "text"),
    [
        (9, "certificate is not yet valid", "certificate has expired or is not yet valid: "),
        (19, "self-signed certificate in certificate chain", "certificate signed by unknown "),
        (26, "unsuitable certificate purpose", "certificate specifies an incompatible key usage"),
        (64, "IP address mismatch, certificate is not valid for '::1'.", "other names, not ::1"),
        (23, "certificate revoked", "x509: certificate revoked"),
    ],
)
def test_a_refused_certificate_is_described_as_by_go(code: int, message: str, text: str) -> None:
    """H13: what has no name there keeps OpenSSL's."""
    shown = reason(refused(code, message))
    assert shown.startswith("tls: failed to verify certificate: x509: ")
    assert text in shown


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name or service not known")),
            "dial tcp: lookup a.example: no such host",
        ),
        (
            aiohttp.ConnectionTimeoutError("Connection timeout to host"),
            "net/http: TLS handshake timeout: no connection after 10s",
        ),
        (
            aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connect call failed")),
            "dial tcp a.example:443: connect: connection refused",
        ),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), "read: connection reset by peer"),
        (aiohttp.ServerDisconnectedError(), "EOF"),
        (aiohttp.ClientConnectionError(), "ClientConnectionError"),
    ],
)
def test_a_failed_connection_is_described_as_by_go(error: aiohttp.ClientError, text: str) -> None:
    """H9, H13."""
    assert reason(error) == text
