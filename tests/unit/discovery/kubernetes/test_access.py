"""The ways to an API server."""

from pathlib import Path

import pytest
import structlog
import trustme
from structlog.testing import LogCapture

from promscrape.discovery.kubernetes.access import access_to
from promscrape.discovery.kubernetes.config import KubernetesSDConfig, Namespaces
from promscrape.discovery.kubernetes.connection import Access
from promscrape.discovery.kubernetes.kind import KIND
from promscrape.discovery.kubernetes.watched import namespaces_of
from promscrape.errors import ConfigError
from promscrape.httpclient.auth import BasicAuth
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from tests.support.clock import ManualClock
from tests.support.discovery import discovering
from tests.support.kubernetes_api import KubernetesAPI
from tests.support.kubernetes_objects import pod

POD = KubernetesSDConfig(role="pod")
ENVIRON = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """What a pod finds of its service account."""
    (tmp_path / "token").write_text("of-the-account\n")
    (tmp_path / "namespace").write_text("own")
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.crt")
    return tmp_path


def in_cluster(
    account: Path, environ: dict[str, str] | None = None, logs: LogCapture | None = None
) -> Access:
    return access_to(
        POD,
        ManualClock(),
        structlog.wrap_logger(None, processors=[logs or LogCapture()]),
        environ=ENVIRON if environ is None else environ,
        service_account=account,
    )


async def test_a_pod_finds_its_cluster(account: Path) -> None:
    """K-5: address, authority, token and namespace."""
    access = in_cluster(account)
    assert access.url == "https://10.96.0.1:443"
    assert access.client.tls_config == TLSConfig(ca_file=str(account / "ca.crt"))
    assert access.namespace == "own"
    assert access.credentials is not None
    assert (await access.credentials.current()).authorization == "Bearer of-the-account"


def test_a_cluster_can_have_an_ipv6_address(account: Path) -> None:
    """K-5."""
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    assert in_cluster(account, environ).url == "https://[fd00::1]:6443"


@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
def test_outside_of_a_cluster_there_is_none(account: Path, missing: str) -> None:
    """Discovery 84, K-5: the error names the remedy."""
    environ = {**ENVIRON, missing: ""}
    with pytest.raises(ConfigError, match="set api_server or kubeconfig_file"):
        in_cluster(account, environ)


@pytest.mark.parametrize("name", ["token", "namespace"])
@pytest.mark.parametrize("content", ["", None])
def test_what_is_missing_of_the_account_is_an_error(
    account: Path, name: str, content: str | None
) -> None:
    """K-5: token and namespace have to be there."""
    (account / name).unlink()
    if content is not None:
        (account / name).write_text(content)
    with pytest.raises(ConfigError, match=str(account / name)):
        in_cluster(account)


def test_without_an_authority_the_systems_are_trusted(account: Path) -> None:
    """K-5: and that is said."""
    (account / "ca.crt").write_text("no certificate")
    logs = LogCapture()
    assert in_cluster(account, logs=logs).client.tls_config == TLSConfig()
    (entry,) = logs.entries
    assert "ca.crt" in entry["err"]


@pytest.mark.parametrize(
    ("config", "watched"),
    [
        (Namespaces(), [""]),
        (Namespaces(names=("a", "b", "a")), ["a", "b"]),
        (Namespaces(own_namespace=True), ["own"]),
        (Namespaces(own_namespace=True, names=("own", "a")), ["own", "a"]),
        (Namespaces(own_namespace=True, names=("a",)), ["a", "own"]),
    ],
)
def test_the_own_namespace_is_watched_beside_the_others(
    config: Namespaces, watched: list[str]
) -> None:
    """K-3: each once; without any, all of them."""
    assert namespaces_of(config, "own") == watched


async def test_a_path_of_the_api_server_is_kept() -> None:
    """K-8: and the section's own client asks."""
    async with KubernetesAPI(prefix="/clusters/one") as api:
        api.put(pod("p"))
        client = HTTPClientConfig(basic_auth=BasicAuth(username="u", password=Secret("p")))
        config = KubernetesSDConfig(role="pod", api_server=URL(f"{api.url}/"), http_client=client)
        async with discovering(KIND, config) as found:
            await found.published.update(1)
            assert found.published.addresses == ["10.1.2.3:9000"]
            assert api.asked[0].headers["Authorization"] == "Basic dTpw"
            assert api.asked[0].headers["User-Agent"] == "promscrape/test"
            assert api.asked[0].headers["Accept"] == "application/json"
