"""Destinations of samples; what is refused, and defaults, are in the conformance tests."""

import pytest

from promscrape.config.dump import dump
from promscrape.config.load import parse
from promscrape.errors import ConfigError
from promscrape.httpclient.auth import Authorization, BasicAuth
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.storage.remote.cloud_auth import AzureADConfig, AzureSDK
from promscrape.storage.remote.config import MetadataConfig, QueueConfig, RemoteWriteConfig

SECRETIVE = """\
scrape_configs:
- job_name: a
  basic_auth: {username: u, password: s3cr3t}
  proxy_url: http://u:pw@h:1
remote_write:
- url: http://u:pw@h/p
  headers: {X-Open: open}
  sigv4: {access_key: a, secret_key: s3cr3t}
- url: http://h
  azuread:
    oauth: {client_id: 0f2a3b4c-0000-4000-8000-000000000001, client_secret: s3cr3t, tenant_id: t}
- url: http://h
  azuread:
    certificate:
      client_id: 0f2a3b4c-0000-4000-8000-000000000001
      tenant_id: t
      certificate_path: /c
      certificate_password: s3cr3t
"""


def destination_of(*keys: str) -> RemoteWriteConfig:
    """Return the one destination of a file in /etc/p, with these keys."""
    lines = ["remote_write:", "- url: http://h", *(f"  {key}" for key in keys)]
    return parse("\n".join(lines).encode(), "/etc/p/c.yml", {}).remote_write[0]


def messages(faults: list[InvalidValue]) -> list[str]:
    return [str(fault) for fault in faults]


def test_no_secret_of_a_destination_is_shown() -> None:
    """Config 14, 17.57: passwords in URLs, keys of clouds; headers are shown."""
    config = parse(SECRETIVE.encode(), "c.yml", {})
    text = dump(config)
    assert "s3cr3t" not in text + repr(config)
    assert "pw@" not in text + repr(config)
    assert "password: <secret>" in text
    assert "http://u:xxxxx@h:1" in text
    assert "http://u:xxxxx@h/p" in text
    assert "secret_key: <secret>" in text
    assert "client_secret: <secret>" in text
    assert "certificate_password: <secret>" in text
    assert "X-Open: open" in text


def test_destinations_differ_where_nothing_but_a_secret_does() -> None:
    """Config 17.58: a reload has to give the client its new password."""
    first = destination_of("basic_auth: {password: a}")
    second = destination_of("basic_auth: {password: b}")
    assert first == destination_of("basic_auth: {password: a}")
    assert first != second
    assert second.http_client.basic_auth == BasicAuth(password=Secret("b"))


def test_the_client_of_a_destination_is_that_of_a_job_but_for_one_default() -> None:
    """Config 9.1: HTTP/2 is off, paths are joined, a bearer token is rewritten."""
    client = destination_of("bearer_token_file: t").http_client
    assert client.authorization == Authorization(credentials_file="/etc/p/t")
    assert not client.enable_http2
    assert client.follow_redirects


def test_every_fault_of_a_queue_is_found() -> None:
    """Config 10.1: in Prometheus's order, of which it prints the first."""
    queue = QueueConfig(max_shards=0, min_shards=-1, max_samples_per_send=0, capacity=0)
    assert messages(list(queue.faults())) == [
        f"remote write queue {name} must be positive"
        for name in ("max_shards", "min_shards", "max_samples_per_send", "capacity")
    ]


@pytest.mark.parametrize("key", ["queue_config: {}", "metadata_config: {}"])
def test_an_empty_section_is_all_defaults(key: str) -> None:
    """Config 17.43: and a null one all zero."""
    assert destination_of(key) == destination_of()
    assert destination_of().queue_config == QueueConfig()
    off = MetadataConfig(send=False, send_interval=Duration(), max_samples_per_send=0)
    assert destination_of("metadata_config:").metadata_config == off


def test_the_default_cloud_stands_for_an_empty_one() -> None:
    """Config 10: an explicit null would leave it empty."""
    assert destination_of("azuread: {cloud: , sdk: {}}").azuread == AzureADConfig(sdk=AzureSDK())
    assert AzureADConfig(sdk=AzureSDK()).cloud == "AzurePublic"


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        (("headers: {user-agent: x}",), "user-agent is a reserved header"),
        (("headers: {Authorization: x}",), "authorization header must be changed via"),
        (
            ("basic_auth: {username: u}", "oauth2: {client_id: c, token_url: http://t}"),
            "at most one of basic_auth, oauth2",
        ),
    ],
)
def test_what_would_change_the_protocol_is_refused(keys: tuple[str, ...], named: str) -> None:
    """T46: whatever the case; and one way to say who one is suffices."""
    with pytest.raises(ConfigError, match=named):
        destination_of(*keys)
