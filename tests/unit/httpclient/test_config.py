"""The fields of HTTP clients; what is refused is in the conformance tests."""

from pathlib import Path

import pytest

from promscrape.config.dump import dump
from promscrape.config.effect import in_effect
from promscrape.config.load import parse
from promscrape.config.scrape import ScrapeConfig
from promscrape.decode.schema import ConfigStruct
from promscrape.errors import ConfigError
from promscrape.httpclient.auth import Authorization, BasicAuth, OAuth2
from promscrape.httpclient.config import Header, HTTPClientConfig
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.httpclient.tls import TLSConfig, TLSVersion
from promscrape.model.secret import Secret
from promscrape.model.url import URL


def client_of(yaml: str) -> HTTPClientConfig:
    """Return the client of a job with these keys."""
    return job_of(yaml).http_client


def job_of(yaml: str) -> ScrapeConfig:
    keys = "".join(f"  {line}\n" for line in yaml.splitlines())
    source = f"scrape_configs:\n- job_name: a\n{keys}"
    return parse(source.encode(), "/etc/p/c.yml", {}).scrape_configs[0]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("bearer_token: t", Authorization(credentials=Secret("t"))),
        ("bearer_token_file: t", Authorization(credentials_file="/etc/p/t")),
    ],
)
def test_a_bearer_token_becomes_an_authorization(key: str, expected: Authorization) -> None:
    """Config 9.1: the deprecated keys are rewritten, so that the client knows one form."""
    assert client_of(key) == HTTPClientConfig(authorization=expected)


def test_the_type_of_an_authorization_is_trimmed() -> None:
    """Config 9.1: an empty one is Bearer."""
    assert Authorization(type=" Token ").type == "Token"
    assert client_of("authorization: {type: }") == HTTPClientConfig(authorization=Authorization())


def test_an_empty_section_is_there_and_a_null_one_is_not() -> None:
    """Config 1.2, 9.1: `basic_auth: {}` sends an empty user and password."""
    assert client_of("basic_auth: {}") == HTTPClientConfig(basic_auth=BasicAuth())
    assert client_of("basic_auth:\nauthorization:\noauth2:\nhttp_headers:") == HTTPClientConfig()


def test_null_switches_are_off() -> None:
    """Config 1.2: their default is on."""
    off = HTTPClientConfig(follow_redirects=False, enable_http2=False)
    assert client_of("follow_redirects:\nenable_http2:") == off


def test_a_proxy_stands_in_the_section_of_its_client() -> None:
    """Config 9.1, 9.4: and in oauth2 in that of the token request."""
    client = client_of(
        "proxy_url: http://p:1\n"
        "no_proxy: x\n"
        "proxy_connect_header: {h: [v]}\n"
        "oauth2: {client_id: i, token_url: t, proxy_from_environment: true}\n"
    )
    assert client.proxy == ProxyConfig(
        proxy_url=URL("http://p:1"), no_proxy="x", proxy_connect_header={"h": (Secret("v"),)}
    )
    assert client.oauth2 == OAuth2(
        client_id="i", token_url=URL("t"), proxy=ProxyConfig(proxy_from_environment=True)
    )


def test_claims_keep_the_types_of_their_yaml() -> None:
    """Config 9.4: they go into the JWT as JSON."""
    client = client_of(
        "oauth2:\n"
        "  client_id: i\n"
        "  token_url: t\n"
        "  claims: {a: 1, b: '1', c: [true, 1.5, null], d: {e: f}, g: 2020-01-01}\n"
    )
    assert client.oauth2
    expected = {"a": 1, "b": "1", "c": (True, 1.5, None), "d": {"e": "f"}, "g": "2020-01-01"}
    assert client.oauth2.claims == expected


def test_versions_of_tls_are_read_by_name() -> None:
    """Config 9.3, 17 case 37: a range that is empty loads."""
    client = client_of("tls_config: {min_version: TLS13, max_version: TLS12}")
    versions = TLSConfig(min_version=TLSVersion.TLS13, max_version=TLSVersion.TLS12)
    assert client.tls_config == versions
    assert client_of("tls_config: {min_version: }") == HTTPClientConfig()


@pytest.mark.parametrize(
    "section",
    [
        TLSConfig(ca_file="f", cert_file="f", key_file="f"),
        BasicAuth(username_file="f", password_file="f"),
        Authorization(credentials_file="f"),
        OAuth2(client_secret_file="f", tls_config=TLSConfig(ca_file="f")),
        Header(files=("f", "f")),
    ],
    ids=lambda section: type(section).__name__,
)
def test_files_start_from_the_directory_of_the_configuration(section: ConfigStruct) -> None:
    """Config 13, 17 case 51."""
    shown = repr(in_effect(section, Path("/etc/p")))
    assert "='f'" not in shown
    assert "('f'" not in shown
    assert "/etc/p/f" in shown


def test_the_key_file_of_oauth2_is_not_joined() -> None:
    """Config 13: an exception of Prometheus's."""
    section = OAuth2(client_certificate_key_file="f")
    assert in_effect(section, Path("/etc/p")) == section


SECRETIVE = """\
global: {scrape_interval: 5s}
scrape_configs:
- job_name: a
  basic_auth: {username: u, password: s3cr3t}
  proxy_url: http://u:s3cr3t@h:1
  proxy_connect_header: {X-A: [s3cr3t, '']}
  http_headers: {X-B: {values: [open], secrets: [s3cr3t]}}
  tls_config: {cert: c, key: s3cr3t}
- job_name: b
  bearer_token: s3cr3t
- job_name: c
  oauth2: {client_id: i, token_url: t, client_secret: s3cr3t, proxy_url: 'http://u:s3cr3t@h:1'}
- job_name: d
  oauth2:
    client_id: i
    token_url: t
    grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer
    client_certificate_key: s3cr3t
"""


def test_no_secret_is_dumped() -> None:
    """Config 14, 17 case 57: not as the value of a key, in a list or in a URL."""
    config = parse(SECRETIVE.encode(), "c.yml", {})
    text = dump(config)
    assert "s3cr3t" not in text + repr(config)
    assert text.count("<secret>") == 7
    assert text.count("http://u:xxxxx@h:1") == 2
    assert "open" in text


@pytest.mark.parametrize(
    "job",
    [
        "basic_auth: {nope: 1, password: s3cr3t}",
        "basic_auth: {password: [s3cr3t]}",
        "basic_auth: {passwordd: s3cr3t}",
        "bearer_tokenn: s3cr3t",
        'basic_auth: {nope: 1, password: "\\x733cr3t"}',
        "proxy_connect_header: {X-A: [s3cr3t], nope}",
        "proxy_connect_header: {X-A: s3cr3t}",
        "http_headers: {X-A: {secrets: s3cr3t, files: 1}}",
        "http_headers: {X-A: {secrets: {a: s3cr3t}}}",
        "proxy_url: {a: http://u:s3cr3t@h}",
        "proxy_url: http://u:s3cr3t@h b",
        "tls_config: {key: s3cr3t, key_file: x}",
        "params: {a: [&p s3cr3t], b: &q {x: *p}}\nbasic_auth: {password: *q}",
    ],
)
def test_no_secret_is_in_an_error(job: str) -> None:
    """Config 14: not where its own line is shown, nor where it is of the wrong kind."""
    with pytest.raises(ConfigError) as caught:
        job_of(job)
    assert "s3cr3t" not in caught.value.report() + str(caught.value) + repr(caught.value.problems)


def test_the_dump_loads_again() -> None:
    """Config 14: to the same configuration but for what is masked, and dumps the same."""
    text = dump(parse(SECRETIVE.encode(), "c.yml", {}))
    assert dump(parse(text.encode(), "c.yml", {})) == text
