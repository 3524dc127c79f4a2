"""Files for `--web.config.file`: what is in them, and what is refused."""

from pathlib import Path

import pytest
import trustme

from promscrape.errors import ConfigError
from promscrape.model.go_duration import GoDuration
from promscrape.web.web_config import WebConfig, load_web_config

HASH = "$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay"
WHOLE = f"""\
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_ca_file: server.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [client.example.org]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [X25519, CurveP256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Content-Security-Policy: anything
rate_limit: {{interval: 10ms, burst: 5}}
basic_auth_users:
  alice: {HASH}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is to be; a certificate and its key lie beside it."""
    leaf = trustme.CA().issue_cert("localhost")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "server.crt")
    leaf.private_key_pem.write_to_path(tmp_path / "server.key")
    return tmp_path / "web.yml"


def refused(path: Path, text: str) -> ConfigError:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_web_config(str(path))
    return caught.value


def test_an_empty_file_is_plain_http(path: Path) -> None:
    """Service 7.1, 48: and it asks nobody for a password."""
    path.touch()
    config = load_web_config(str(path))
    assert config == WebConfig()
    assert not config.tls_server_config.is_on


def test_every_key_is_read(path: Path) -> None:
    """Service 7.1: relative files are those beside the file itself."""
    path.write_text(WHOLE)
    config = load_web_config(str(path))
    tls = config.tls_server_config
    assert tls.is_on
    assert tls.curve_preferences == ("X25519", "CurveP256")
    assert not tls.prefer_server_cipher_suites
    assert not config.http_server_config.http2
    assert config.rate_limit.interval == GoDuration.parse("10ms")
    assert config.basic_auth_users["alice"].reveal() == HASH


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("basic_auth_users: {u: foo}", "crypto/bcrypt: hashedSecret too short to be a bcrypted"),
        ("basic_auth_users: [u]", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into"),
        ("foo: 1", "yaml: unmarshal errors:\n  line 1: field foo not found in type web.Config"),
        ("http_server_config: {headers: {X: y}}", 'HTTP header "X" can not be configured'),
        (
            "http_server_config: {headers: {X-Frame-Options: foo}}",
            'invalid value for X-Frame-Options. Expected one of: ["deny" "sameorigin"]',
        ),
        ("tls_server_config: {cert_file: x}", "missing one of key or key_file"),
        ("tls_server_config: {key_file: x}", "missing one of cert or cert_file"),
        ("tls_server_config: {client_auth_type: NoClientCert}", "missing one of cert or cert_file"),
        (
            "tls_server_config: {cert_file: x, key_file: server.key}",
            "failed to read cert_file ({home}/x): open {home}/x: no such file or directory",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: x}",
            "failed to read key_file ({home}/x): open {home}/x: no such file or directory",
        ),
        (
            "tls_server_config: {cert_file: web.yml, key_file: server.key}",
            "failed to load X509KeyPair: tls: failed to find any PEM data in certificate input",
        ),
        (
            "tls_server_config: {cert: nonsense, key_file: server.key}",
            "failed to load X509KeyPair: tls: failed to find any PEM data in certificate input",
        ),
        ("tls_server_config: {PAIR, client_auth_type: Foo}", "invalid ClientAuth: Foo"),
        (
            "tls_server_config: {PAIR, client_ca_file: server.crt}",
            "client CA's have been configured without a Client Auth Policy",
        ),
        (
            "tls_server_config: {PAIR, client_ca_file: x, client_auth_type: RequestClientCert}",
            "open {home}/x: no such file or directory",
        ),
        (
            "tls_server_config: {PAIR, client_allowed_sans: [a], client_auth_type: NoClientCert}",
            "client_allowed_sans requires client_auth_type to be one of RequireAnyClientCert or",
        ),
        ("tls_server_config: {min_version: TLS9}", "unknown TLS version: TLS9"),
        ("tls_server_config: {cipher_suites: [a]}", "unknown cipher: a"),
        ("tls_server_config: {curve_preferences: [a]}", "unknown curve: a"),
    ],
)
def test_a_wrong_file_is_refused(path: Path, text: str, message: str) -> None:
    """Service 7.1, 48: in Prometheus's words."""
    pair = "cert_file: server.crt, key_file: server.key"
    error = refused(path, text.replace("PAIR", pair))
    assert str(error).startswith(message.format(home=path.parent))


def test_everything_that_is_wrong_is_reported_with_its_place(path: Path) -> None:
    """Config 1.5: one run shows all, though Prometheus's text has the first alone."""
    text = WHOLE.replace("deny", "maybe").replace("server.key", "other.key").replace(HASH, "pw")
    error = refused(path, text)
    assert str(error).startswith("invalid value for X-Frame-Options")
    places = [(problem.line, problem.path) for problem in error.problems]
    assert places == [
        (3, "tls_server_config.key_file"),
        (15, 'http_server_config.headers["X-Frame-Options"]'),
        (19, "basic_auth_users.alice"),
    ]


def test_no_hash_is_shown(path: Path) -> None:
    """Service 7.1: what was taken for a hash may be the password itself."""
    error = refused(path, "basic_auth_users:\n  alice: open-sesame\n")
    assert "alice: <secret>" in error.report()
    assert "open-sesame" not in error.report() + str(error)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """Service 13: with the reason."""
    with pytest.raises(ConfigError, match="no such file or directory"):
        load_web_config(str(tmp_path / "web.yml"))
