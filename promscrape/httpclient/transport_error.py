"""Why a request failed below HTTP, in the words that Prometheus's users know from Go."""

import errno
import os
import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.client_exceptions import UnixClientConnectorError

HANDSHAKE_S: Final = 10
"""How long a connection may take to be made where it is to speak TLS."""

# Codes of OpenSSL's X509_V_ERR_*, see its manual page X509_STORE_CTX_get_error.
_EXPIRED = frozenset({9, 10})
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
_WRONG_NAME = frozenset({62, 64})
_WRONG_PURPOSE = frozenset({24, 26})

# Go's names for alerts where they are not OpenSSL's in lower case; source: crypto/tls/alert.go.
_ALERTS: Final[Mapping[str, str]] = {
    "protocol version": "protocol version not supported",
    "unknown ca": "unknown certificate authority",
    "certificate expired": "expired certificate",
    "certificate revoked": "revoked certificate",
    "certificate unknown": "unknown certificate",
    "no application protocol": "no application protocol",
}


def reason(exc: aiohttp.ClientError) -> str:
    """Return what went wrong, without the method and the URL."""
    if isinstance(exc, aiohttp.ServerTimeoutError):
        return f"net/http: TLS handshake timeout: no connection after {HANDSHAKE_S}s"
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return "EOF"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return _verification_reason(exc.certificate_error, exc.host)
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return f"dial tcp: lookup {exc.host}: no such host"
    if isinstance(exc, UnixClientConnectorError):
        return f"dial unix {exc.path}: connect: {os_reason(exc.os_error)}"
    if isinstance(exc, aiohttp.ClientConnectorError):
        return _connection_reason(exc)
    if isinstance(exc, aiohttp.ClientOSError):
        cause = exc.__cause__ or exc.__context__
        return _tls_reason(cause) if isinstance(cause, ssl.SSLError) else f"read: {os_reason(exc)}"
    if isinstance(exc, aiohttp.ClientHttpProxyError):
        return exc.message
    if isinstance(exc, aiohttp.ClientResponseError):
        return f"malformed HTTP response: {exc.message}"
    return str(exc) or type(exc).__name__


def os_reason(exc: OSError) -> str:
    """Return the system's words for an error, without what Python puts around them."""
    # asyncio wraps the errors of several addresses of one host into one without a number.
    number = exc.errno or (errno.ECONNREFUSED if "Connect call failed" in str(exc) else 0)
    return os.strerror(number).lower() if number > 0 else str(exc)


def _connection_reason(exc: aiohttp.ClientConnectorError) -> str:
    if isinstance(exc.os_error, ssl.SSLError):
        return _tls_reason(exc.os_error)
    if isinstance(exc.os_error, ConnectionResetError) and not exc.os_error.errno:
        return "EOF"  # the event loop's word for a server that hung up in the handshake
    where = f"[{exc.host}]" if ":" in exc.host else exc.host
    dialed = f"dial tcp {where}:{exc.port}: connect: {os_reason(exc.os_error)}"
    is_proxy = isinstance(exc, aiohttp.ClientProxyConnectionError)
    return f"proxyconnect tcp: {dialed}" if is_proxy else dialed


def _verification_reason(error: Exception, host: str) -> str:
    """Return why the server's certificate was refused.

    The names and dates in it are not told: of a refused certificate, OpenSSL keeps nothing.
    """
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: {error}"
    code, said = error.verify_code, error.verify_message
    if code in _EXPIRED:
        text = f"x509: certificate has expired or is not yet valid: {said}"
    elif code in _UNKNOWN_AUTHORITY:
        text = f"x509: certificate signed by unknown authority: {said}"
    elif code in _WRONG_NAME:
        # OpenSSL names what was wanted, which is `server_name` where that is set.
        wanted = said.rpartition("not valid for ")[2].strip("'.") or host
        text = f"x509: certificate is valid for other names, not {wanted}"
    elif code in _WRONG_PURPOSE:
        text = f"x509: certificate specifies an incompatible key usage: {said}"
    else:
        text = f"x509: {said}"
    return f"tls: failed to verify certificate: {text}"


def _tls_reason(error: ssl.SSLError) -> str:
    name = error.reason or ""
    if name in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return "tls: first record does not look like a TLS handshake; does the server speak http?"
    _, alert, text = name.replace("_", " ").lower().partition("alert ")
    if alert:
        return f"remote error: tls: {_ALERTS.get(text, text)}"
    return f"tls: {name.replace('_', ' ').lower() or error}"
