"""kubeconfig files: which cluster, and as which user."""

import base64
from pathlib import Path

import msgspec
import pytest
import structlog
import trustme

from promscrape.discovery.kubernetes.config import KubernetesSDConfig
from promscrape.discovery.kubernetes.connection import Access
from promscrape.discovery.kubernetes.exec_credential import ExecCredentials
from promscrape.discovery.kubernetes.kind import KIND
from promscrape.discovery.kubernetes.kubeconfig import read_kubeconfig
from promscrape.errors import ConfigError
from promscrape.httpclient.auth import Authorization, BasicAuth
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from tests.support.clock import ManualClock
from tests.support.discovery import discovering
from tests.support.http_server import RecordingServer
from tests.support.kubernetes_api import KubernetesAPI
from tests.support.kubernetes_objects import pod
from tests.support.kubernetes_selector import JSON
from tests.support.tls import ca_pem, cert_pem, key_pem, server_context

SERVER = "https://10.0.0.1:6443/"


def kubeconfig(cluster: JSON | None = None, user: JSON | None = None, **others: object) -> JSON:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {"colors": True},
        "current-context": "dev",
        "contexts": [
            {"name": "prod", "context": {"cluster": "other", "user": "other"}},
            {"name": "dev", "context": {"cluster": "c", "user": "u", "namespace": "ignored"}},
        ],
        "clusters": [
            {"name": "other", "cluster": {"server": "https://other"}},
            {"name": "c", "cluster": {"server": SERVER, **(cluster or {})}},
        ],
        "users": [{"name": "u", "user": user or {}}],
        **others,
    }


def read(directory: Path, content: JSON | str) -> Access:
    path = directory / "config"
    text = content if isinstance(content, str) else msgspec.yaml.encode(content).decode()
    path.write_text(text)
    return read_kubeconfig(str(path), ManualClock(), structlog.get_logger())


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_current_context_says_which_cluster(tmp_path: Path) -> None:
    """K-7: keys that are of no interest are allowed."""
    access = read(tmp_path, kubeconfig())
    assert access.url == "https://10.0.0.1:6443"
    assert access.client.proxy == ProxyConfig(proxy_from_environment=True)
    assert access.credentials is None
    assert access.headers == ()


def test_the_cluster_says_how_it_is_reached(tmp_path: Path) -> None:
    """K-7."""
    cluster: JSON = {
        "certificate-authority-data": b64("a CA"),
        "certificate-authority": "ignored.crt",
        "tls-server-name": "api.example",
        "proxy-url": "http://proxy.example:3128",
    }
    client = read(tmp_path, kubeconfig(cluster)).client
    assert client.tls_config.ca == "a CA"
    assert client.tls_config.ca_file == ""
    assert client.tls_config.server_name == "api.example"
    assert client.proxy.proxy_url == URL("http://proxy.example:3128")
    insecure = read(tmp_path, kubeconfig({"insecure-skip-tls-verify": True})).client.tls_config
    assert insecure.insecure_skip_verify


def test_paths_start_from_the_directory_of_the_file(tmp_path: Path) -> None:
    """K-7: as kubectl has them."""
    user: JSON = {"client-certificate": "tls/u.crt", "client-key": "/etc/u.key"}
    tls = read(tmp_path, kubeconfig({"certificate-authority": "ca.crt"}, user)).client.tls_config
    assert tls.ca_file == str(tmp_path / "ca.crt")
    assert tls.cert_file == str(tmp_path / "tls/u.crt")
    assert tls.key_file == "/etc/u.key"


def test_data_goes_before_files(tmp_path: Path) -> None:
    """K-7: as client-go has it."""
    user: JSON = {
        "client-certificate": "u.crt",
        "client-certificate-data": b64("a certificate"),
        "client-key-data": b64("a key"),
    }
    tls = read(tmp_path, kubeconfig(user=user)).client.tls_config
    assert (tls.cert, tls.cert_file) == ("a certificate", "")
    assert tls.key == Secret("a key")


def test_users_have_a_token_or_a_password(tmp_path: Path) -> None:
    """K-7."""
    client = read(tmp_path, kubeconfig(user={"token": "t"})).client
    assert client.authorization == Authorization(credentials=Secret("t"))
    client = read(tmp_path, kubeconfig(user={"username": "u", "password": "p"})).client
    assert client.basic_auth == BasicAuth(username="u", password=Secret("p"))


async def test_a_token_file_goes_before_a_token(tmp_path: Path) -> None:
    """K-7: as client-go has it."""
    (tmp_path / "token").write_text("of-the-file")
    access = read(tmp_path, kubeconfig(user={"token": "t", "tokenFile": "token"}))
    assert access.client.authorization is None
    assert access.credentials is not None
    assert (await access.credentials.current()).authorization == "Bearer of-the-file"


async def test_a_user_can_act_as_another(tmp_path: Path, api: KubernetesAPI) -> None:
    """K-7: each group is a header of its own."""
    user: JSON = {
        "token": "t",
        "as": "robot",
        "as-uid": "7",
        "as-groups": ["a", "b"],
        "as-user-extra": {"scope/x": ["1"]},
    }
    access = read(tmp_path, kubeconfig({"server": api.url}, user))
    assert access.headers == (
        ("Impersonate-User", "robot"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scope%2Fx", "1"),
    )
    config = KubernetesSDConfig(role="pod", kubeconfig_file=str(tmp_path / "config"))
    async with discovering(KIND, config) as found:
        await found.published.update(1)
        assert api.asked[0].headers["Impersonate-User"] == "robot"


def test_a_command_brings_credentials(tmp_path: Path) -> None:
    """K-7."""
    command: JSON = {"command": "aws", "apiVersion": "client.authentication.k8s.io/v1"}
    access = read(tmp_path, kubeconfig(user={"exec": command}))
    assert isinstance(access.credentials, ExecCredentials)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({**kubeconfig(), "current-context": ""}, "no current-context has been set"),
        ({**kubeconfig(), "current-context": "x"}, 'context "x" does not exist'),
        (kubeconfig(clusters=None), 'cluster "c" does not exist'),
        (kubeconfig(users=[]), 'user "u" does not exist'),
        (kubeconfig({"server": ""}), 'no server found for cluster "c"'),
        (kubeconfig(user={"auth-provider": {"name": "gcp"}}), "use exec instead"),
        (
            kubeconfig({"insecure-skip-tls-verify": True, "certificate-authority": "a"}),
            "with the insecure flag is not allowed",
        ),
        (kubeconfig({"certificate-authority-data": "%"}), "certificate-authority-data is not"),
        (kubeconfig(user={"client-key-data": b64("k")}), "when a client key is configured"),
        (kubeconfig(user={"token": "t", "username": "u"}), "more than one authentication method"),
        (kubeconfig({"proxy-url": ":x"}), "proxy-url"),
        (kubeconfig(user={"token": 7}), "Expected `str`, got `int`"),
        ("users: [\n  secret: {", "config:3: is not valid YAML"),
        ("[]", "Expected `object`, got `array`"),
        ("", "no current-context has been set"),
        (f"a: {'x' * (1 << 22)}", "which is no kubeconfig file"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(
    tmp_path: Path, content: JSON | str, reason: str
) -> None:
    """K-7: and shown without anything secret."""
    with pytest.raises(ConfigError) as failure:
        read(tmp_path, content)
    assert str(failure.value).startswith(str(tmp_path / "config"))
    assert reason in str(failure.value)
    assert "secret" not in str(failure.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """K-7."""
    with pytest.raises(ConfigError, match="no such file or directory"):
        read_kubeconfig(str(tmp_path / "config"), ManualClock(), structlog.get_logger())


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


async def test_a_client_certificate_opens_the_door(tmp_path: Path, authority: trustme.CA) -> None:
    """K-7: a server that asks for one is asked over TLS, under another name than its address."""
    server = authority.issue_cert("api.example")
    client = authority.issue_cert("promscrape")
    user: JSON = {
        "client-certificate-data": b64(cert_pem(client)),
        "client-key-data": b64(key_pem(client)),
    }
    context = server_context(server, clients_of=authority)
    async with RecordingServer(context=context) as recording:
        cluster: JSON = {
            "server": recording.url,
            "tls-server-name": "api.example",
            "certificate-authority-data": b64(ca_pem(authority)),
        }
        read(tmp_path, kubeconfig(cluster, user))
        config = KubernetesSDConfig(role="pod", kubeconfig_file=str(tmp_path / "config"))
        async with discovering(KIND, config) as found:
            while not recording.requests:
                await found.context.clock.sleep_until(found.context.clock.monotonic_s() + 0.01)
            assert recording.requests[0].path == "/api/v1/pods"


async def test_tokens_of_files_are_taken_up_while_pods_are_watched(
    tmp_path: Path, api: KubernetesAPI
) -> None:
    """Discovery 84, K-6: a 401 has the file read before the next request."""
    (tmp_path / "token").write_text("old")
    api.tokens = {"new"}
    api.put(pod("p"))
    read(tmp_path, kubeconfig({"server": api.url}, {"tokenFile": "token"}))
    config = KubernetesSDConfig(role="pod", kubeconfig_file=str(tmp_path / "config"))
    clock = ManualClock()
    async with discovering(KIND, config, clock) as found:
        while not clock.due_s or clock.due_s[0] >= 60:
            await clock.advance(0)
        (tmp_path / "token").write_text("new")
        await clock.advance(1.6)
        await found.published.update(1)
        sent = [one.headers["Authorization"] for one in api.asked]
        assert sent[:2] == ["Bearer old", "Bearer new"]
        assert found.published.addresses == ["10.1.2.3:9000"]
