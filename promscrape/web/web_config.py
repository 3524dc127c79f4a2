"""The file for `--web.config.file`: TLS, passwords and headers of the daemon's own port.

Source: prometheus/exporter-toolkit 0.17 web/tls_config.go, handler.go, users.go.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, final

from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import ConfigStruct, GoName, Via
from promscrape.errors import ConfigError, Problem
from promscrape.model.go_duration import GoDuration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret
from promscrape.web.bcrypt_hash import check_bcrypt_hash
from promscrape.web.key_pair import BadKeyPair, check_key_pair

_TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")
_CURVES = ("CurveP256", "CurveP384", "CurveP521", "X25519")
_CIPHERS = frozenset(
    {
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    }
)
_NO_CLIENT_CERT = frozenset({"", "NoClientCert"})
_REQUIRED_CLIENT_CERT = frozenset(
    {"RequireAnyClientCert", "RequireClientCert", "RequireAndVerifyClientCert"}
)
_CLIENT_AUTH_TYPES = (
    _NO_CLIENT_CERT | _REQUIRED_CLIENT_CERT | {"RequestClientCert", "VerifyClientCertIfGiven"}
)
# A header that may be configured, with the values that it may have; None allows any.
_HEADERS: Mapping[str, tuple[str, ...] | None] = {
    "Strict-Transport-Security": None,
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": None,
    "Content-Security-Policy": None,
}


def _one_of(what: str, known: tuple[str, ...] | frozenset[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            hint = f"known are {', '.join(sorted(known))}"
            raise InvalidValue(f"unknown {what}: {text}", hint=hint)
        return text

    return parse


Version = Annotated[str, Via(_one_of("TLS version", _TLS_VERSIONS), str)]
Cipher = Annotated[str, Via(_one_of("cipher", _CIPHERS), str)]
Curve = Annotated[str, Via(_one_of("curve", _CURVES), str)]


@final
class TLSServerConfig(ConfigStruct, frozen=True, kw_only=True):
    """The section `tls_server_config`. A file wins over the text beside it."""

    go_type: ClassVar[str] = "web.TLSConfig"

    cert: str = ""
    key: Secret = Secret()
    client_ca: str = ""
    cert_file: str = ""
    key_file: str = ""
    client_auth_type: str = ""
    client_ca_file: str = ""
    cipher_suites: Annotated[tuple[Cipher, ...], GoName("[]web.Cipher")] = ()
    curve_preferences: Annotated[tuple[Curve, ...], GoName("[]web.Curve")] = ()
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    prefer_server_cipher_suites: bool = True
    client_allowed_sans: tuple[str, ...] | None = None

    @property
    def is_on(self) -> bool:
        """Whether the port speaks TLS."""
        return any(
            (
                self.cert,
                self.cert_file,
                self.key,
                self.key_file,
                self.client_ca,
                self.client_ca_file,
                self.client_auth_type,
            )
        )

    def faults(self, directory: Path) -> Iterator[InvalidValue]:
        """Yield what is wrong, the files seen from `directory` included."""
        if not (self.cert or self.cert_file):
            yield InvalidValue("missing one of cert or cert_file")
        elif not (self.key or self.key_file):
            yield InvalidValue("missing one of key or key_file")
        else:
            yield from self._key_pair_faults(directory)
        if self.client_ca_file:
            yield from _unreadable(directory, self.client_ca_file, "client_ca_file")
        yield from self._client_faults()

    def _key_pair_faults(self, directory: Path) -> Iterator[InvalidValue]:
        try:
            cert = _text_of(directory, self.cert_file, "cert_file") or self.cert.encode()
            key = _text_of(directory, self.key_file, "key_file") or self.key.reveal().encode()
            check_key_pair(cert, key)
        except BadKeyPair as exc:
            yield InvalidValue(f"failed to load X509KeyPair: {exc}")
        except InvalidValue as invalid:
            yield invalid

    def _client_faults(self) -> Iterator[InvalidValue]:
        policy = self.client_auth_type
        at = ("client_auth_type",)
        if policy not in _CLIENT_AUTH_TYPES:
            known = ", ".join(sorted(_CLIENT_AUTH_TYPES - {""}))
            yield InvalidValue(f"invalid ClientAuth: {policy}", at=at, hint=f"known are {known}")
        elif (self.client_ca or self.client_ca_file) and policy in _NO_CLIENT_CERT:
            yield InvalidValue("client CA's have been configured without a Client Auth Policy")
        elif self.client_allowed_sans is not None and policy not in _REQUIRED_CLIENT_CERT:
            yield InvalidValue(
                "client_allowed_sans requires client_auth_type to be one of RequireAnyClientCert "
                "or RequireAndVerifyClientCert",
                at=("client_allowed_sans",),
            )


@final
class HTTPServerConfig(ConfigStruct, frozen=True, kw_only=True):
    """The section `http_server_config`."""

    go_type: ClassVar[str] = "web.HTTPConfig"

    http2: bool = True
    headers: Mapping[str, str] = {}

    def faults(self) -> Iterator[InvalidValue]:
        """Yield what is wrong with the headers."""
        for name, value in self.headers.items():
            if name not in _HEADERS:
                yield InvalidValue(
                    f"HTTP header {quote(name)} can not be configured",
                    at=("headers", name),
                    on_key=True,
                    hint=f"these can: {', '.join(_HEADERS)}",
                )
                continue
            allowed = _HEADERS[name]
            if allowed is not None and value not in allowed:
                listed = " ".join(map(quote, allowed))
                yield InvalidValue(
                    f"invalid value for {name}. "
                    f"Expected one of: [{listed}], but got: {quote(value)}",
                    at=("headers", name),
                )


@final
class RateLimit(ConfigStruct, frozen=True, kw_only=True):
    """The section `rate_limit`: requests over all clients; an interval of 0 sets no limit."""

    go_type: ClassVar[str] = "web.RateLimiterConfig"

    burst: int = 0
    interval: GoDuration = GoDuration()


@final
class WebConfig(ConfigStruct, frozen=True, kw_only=True):
    """The whole file. `basic_auth_users` maps names to bcrypt hashes."""

    go_type: ClassVar[str] = "web.Config"

    tls_server_config: TLSServerConfig = TLSServerConfig()
    http_server_config: HTTPServerConfig = HTTPServerConfig()
    rate_limit: RateLimit = RateLimit()
    basic_auth_users: Annotated[Mapping[str, Secret], GoName("map[string]config.Secret")] = {}

    def faults(self, directory: Path) -> Iterator[InvalidValue]:
        """Yield what is wrong, in the order in which Prometheus would meet it."""
        yield from _under("http_server_config", self.http_server_config.faults())
        for user, hash_ in self.basic_auth_users.items():
            try:
                check_bcrypt_hash(hash_.reveal())
            except InvalidValue as invalid:
                yield InvalidValue(str(invalid), at=("basic_auth_users", user), on_key=True)
        if self.tls_server_config.is_on:
            yield from _under("tls_server_config", self.tls_server_config.faults(directory))


def load_web_config(path: str) -> WebConfig:
    """Read and check the file, and the certificates that it names. Raises ConfigError."""
    try:
        source = Path(path).read_bytes()
    except OSError as exc:
        message = f"open {path}: {(exc.strerror or '').lower()}"
        raise ConfigError(message, (Problem(path, 0, 0, "", message),)) from exc
    decoding = Decoding(source, path)
    config = decoding.read(WebConfig)
    for invalid in config.faults(Path(path).parent):
        decoding.refuse((), invalid)
    error = decoding.error("")
    if error:
        raise error
    return config


def _under(key: str, faults: Iterator[InvalidValue]) -> Iterator[InvalidValue]:
    for invalid in faults:
        yield InvalidValue(
            str(invalid), at=(key, *invalid.at), on_key=invalid.on_key, hint=invalid.hint
        )


def _unreadable(directory: Path, path: str, key: str) -> Iterator[InvalidValue]:
    joined = os.path.normpath(directory / path)
    try:
        Path(joined).read_bytes()
    except OSError as exc:
        yield InvalidValue(f"open {joined}: {(exc.strerror or '').lower()}", at=(key,))


def _text_of(directory: Path, path: str, key: str) -> bytes:
    """Return a file's text, nothing where no file is named. Raises InvalidValue."""
    if not path:
        return b""
    joined = os.path.normpath(directory / path)
    try:
        return Path(joined).read_bytes()
    except OSError as exc:
        reason = f"open {joined}: {(exc.strerror or '').lower()}"
        raise InvalidValue(f"failed to read {key} ({joined}): {reason}", at=(key,)) from exc
