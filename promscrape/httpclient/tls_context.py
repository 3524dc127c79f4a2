"""TLS as `tls_config` wants it, taken up anew when a certificate's file changes.

A changed file gives another SSLContext. Connections are pooled by their context, so requests
then open new ones; those that are under way finish, and idle ones run out.

Source: Prometheus common config/http_config.go, NewTLSConfig and tlsRoundTripper.
"""

import os
import ssl
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO, Final, final

from promscrape.errors import ConfigError, FetchError
from promscrape.httpclient.secret_source import refuse_ref
from promscrape.httpclient.tls import TLSConfig, TLSVersion
from promscrape.httpclient.watched_file import WatchedFile, open_error

_VERSIONS: Final[Mapping[TLSVersion, ssl.TLSVersion]] = {
    TLSVersion.TLS10: ssl.TLSVersion.TLSv1,
    TLSVersion.TLS11: ssl.TLSVersion.TLSv1_1,
    TLSVersion.TLS12: ssl.TLSVersion.TLSv1_2,
    TLSVersion.TLS13: ssl.TLSVersion.TLSv1_3,
}
_OLD_VERSIONS = frozenset({TLSVersion.TLS10, TLSVersion.TLS11})
_VERIFY_X509_PARTIAL_CHAIN = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


@final
class _PEM:
    """A certificate or key: a text of the configuration, or a file. Empty where neither is set."""

    def __init__(self, what: str, text: str, file: str) -> None:
        self._what, self._text = what, text.encode()
        self.file = WatchedFile(file) if file and not text else None

    def __bool__(self) -> bool:
        """Whether there is to be one, even if its file is empty."""
        return bool(self._text or self.file)

    @property
    def origin(self) -> str:
        return f"file {self.file.path}" if self.file else "inline"

    def read(self) -> bytes:
        """Return the content. Raises FetchError."""
        if self.file is None:
            return self._text
        try:
            return self.file.read()
        except OSError as exc:
            path = self.file.path
            raise FetchError(
                f"unable to read {self._what}: unable to read file {path}: {open_error(path, exc)}"
            ) from exc


@final
@dataclass(frozen=True, slots=True, repr=False)
class _Material:
    ca: bytes
    cert: bytes
    key: bytes


@final
class TLS:
    """The TLS context of one client. Raises ConfigError where it cannot be built."""

    def __init__(self, config: TLSConfig) -> None:
        _check(config)
        self._config = config
        self._ca = _PEM("CA cert", config.ca, config.ca_file)
        self._cert = _PEM("client cert", config.cert, config.cert_file)
        self._key = _PEM("client key", config.key.reveal(), config.key_file)
        self._is_fixed = not (self._ca.file or self._cert.file or self._key.file)
        self._context: ssl.SSLContext | None = None
        try:
            self._material = self._read()
            if config != TLSConfig():  # what all others share is made when it is needed
                self._context = self._build()
        except FetchError as exc:
            raise ConfigError(str(exc)) from exc
        self._refusal = ""

    def context(self) -> ssl.SSLContext:
        """Return the context for the next request, a new one if a file has changed.

        Raises FetchError for as long as a file is missing or unusable.
        """
        if self._context is None:
            self._context = self._build()
        if self._is_fixed:
            return self._context
        material = self._read()
        if material != self._material:
            # What cannot be used is noted as well, so that it is tried once and not each time.
            self._material, self._refusal = material, ""
            try:
                self._context = self._build()
            except FetchError as exc:
                self._refusal = str(exc)
        if self._refusal:
            raise FetchError(self._refusal)
        return self._context

    def _read(self) -> _Material:
        return _Material(self._ca.read(), self._cert.read(), self._key.read())

    def _build(self) -> ssl.SSLContext:
        config = self._config
        trusts_system = not (self._ca or config.insecure_skip_verify)
        if trusts_system and not (self._cert or config.min_version or config.max_version):
            return _system_context()
        context = _new_context()
        if trusts_system:
            context.load_default_certs()
        _set_versions(context, config)
        if config.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._ca:
            self._load_ca(context)
        if self._cert:
            self._load_pair(context)
        return context

    def _load_ca(self, context: ssl.SSLContext) -> None:
        try:
            context.load_verify_locations(cadata=self._material.ca.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError) as exc:
            raise FetchError(f"unable to use specified CA cert {self._ca.origin}") from exc

    def _load_pair(self, context: ssl.SSLContext) -> None:
        reason = _pair_fault(context, self._material.cert, self._material.key)
        if reason:
            raise FetchError(
                f"unable to use specified client cert ({self._cert.origin}) & key "
                f"({self._key.origin}): {reason}"
            )


def _check(config: TLSConfig) -> None:
    """Raise ConfigError for what is only found out when a client is built."""
    lowest, highest = config.min_version, config.max_version
    if lowest and highest and _VERSIONS[highest] < _VERSIONS[lowest]:
        raise ConfigError(
            "tls_config.max_version must be greater than or equal to tls_config.min_version "
            "if both are specified"
        )
    refuse_ref(config.ca_ref, "CA cert")
    refuse_ref(config.cert_ref, "client cert")
    refuse_ref(config.key_ref, "client key")


@cache
def _system_context() -> ssl.SSLContext:
    """Return the context of all clients without a `tls_config`.

    It is never changed, and reading the system's authorities takes milliseconds and a megabyte.
    """
    context = _new_context()
    context.load_default_certs()
    return context


def _new_context() -> ssl.SSLContext:
    """Return a context that verifies as Go does, and trusts nobody yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    # A certificate that is trusted need not be an authority's.
    context.verify_flags |= _VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["http/1.1"])
    return context


def _set_versions(context: ssl.SSLContext, config: TLSConfig) -> None:
    if config.min_version in _OLD_VERSIONS:
        # OpenSSL's usual level knows no cipher that these versions could use.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Python warns of TLS 1.0 and 1.1; whoever writes them down knows.
        warnings.simplefilter("ignore", DeprecationWarning)
        if config.min_version:
            context.minimum_version = _VERSIONS[config.min_version]
        if config.max_version:
            context.maximum_version = _VERSIONS[config.max_version]


def _pair_fault(context: ssl.SSLContext, cert: bytes, key: bytes) -> str:
    """Load a client's certificate and key; return why they cannot be used, "" if they can."""
    for what, pem in (("certificate", cert), ("key", key)):
        if b"-----BEGIN" not in pem:
            return f"tls: failed to find any PEM data in {what} input"
    try:
        with _as_path(cert) as cert_path, _as_path(key) as key_path:
            # Without a password of its own, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(cert_path, key_path, password="")
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            return "tls: private key does not match public key"
        return f"tls: {(exc.reason or 'unusable certificate or key').replace('_', ' ').lower()}"
    return ""


@contextmanager
def _as_path(content: bytes) -> Iterator[str]:
    """Yield a path that reads as `content`: OpenSSL takes certificates from files alone.

    The file has no name, and on Linux is in memory only: a private key is left on no disk.
    """
    with _nameless_file() as file:
        file.write(content)
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def _nameless_file() -> IO[bytes]:
    if sys.platform == "linux":
        descriptor = os.memfd_create("promscrape")
        return open(descriptor, "w+b", buffering=0)  # noqa: PTH123 - a descriptor has no Path
    else:  # noqa: RET505 - the form in which mypy understands a platform
        return tempfile.TemporaryFile(buffering=0)
