"""kubeconfig files: which cluster, and as which user (K-7).

Source: client-go tools/clientcmd, api/v1/types.go; the error texts are its own where it has one.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, final
from urllib.parse import quote as quote_url

import msgspec
import yaml
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.kubernetes.connection import Access
from promscrape.discovery.kubernetes.credential import Credentials, TokenFile
from promscrape.discovery.kubernetes.exec_credential import ExecConfig, ExecCredentials
from promscrape.errors import ConfigError
from promscrape.httpclient.auth import Authorization, BasicAuth
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.httpclient.watched_file import open_error
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret
from promscrape.model.url import URL

N = TypeVar("N", bound="_Named")
_MOST_BYTES = 1 << 22
_IMPERSONATE = "Impersonate-"


class _Part(msgspec.Struct, rename="kebab", frozen=True):
    """A part of the file. Keys that are not declared are of no interest here."""


@final
class _Cluster(_Part, frozen=True):
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""


@final
class _User(_Part, frozen=True):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    as_: str = msgspec.field(name="as", default="")
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    as_user_extra: Mapping[str, tuple[str, ...]] = {}
    username: str = ""
    password: str = ""
    auth_provider: object = None
    exec: ExecConfig | None = None


@final
class _Context(_Part, frozen=True):
    cluster: str = ""
    user: str = ""


class _Named(_Part, frozen=True):
    name: str = ""


@final
class _NamedCluster(_Named, frozen=True):
    cluster: _Cluster = _Cluster()


@final
class _NamedUser(_Named, frozen=True):
    user: _User = _User()


@final
class _NamedContext(_Named, frozen=True):
    context: _Context = _Context()


@final
class _File(_Part, frozen=True):
    current_context: str = ""
    clusters: tuple[_NamedCluster, ...] | None = None
    users: tuple[_NamedUser, ...] | None = None
    contexts: tuple[_NamedContext, ...] | None = None


def read_kubeconfig(path: str, clock: Clock, log: FilteringBoundLogger) -> Access:
    """Return how the cluster of the current context is reached. Raises ConfigError."""
    file = _read(path)
    if not file.current_context:
        raise ConfigError(f"{path}: invalid configuration: no current-context has been set")
    context = _find(file.contexts, file.current_context, "context", path).context
    cluster = _find(file.clusters, context.cluster, "cluster", path).cluster
    user = _find(file.users, context.user, "user", path).user if context.user else _User()
    directory = Path(path).parent
    if not cluster.server:
        raise ConfigError(f"{path}: no server found for cluster {quote(context.cluster)}")
    if user.auth_provider is not None:
        raise ConfigError(f"{path}: auth-provider is no longer supported, use exec instead")
    tls = _tls(cluster, user, directory, path)
    return Access(
        cluster.server.rstrip("/"),
        _client(cluster, user, tls, path),
        credentials=_credentials(cluster, user, directory, clock, log, path),
        headers=_impersonation(user),
    )


def _read(path: str) -> _File:
    try:
        with open(path, "rb") as source:  # noqa: PTH123 - named as it was written
            text = source.read(_MOST_BYTES + 1)
    except OSError as exc:
        raise ConfigError(open_error(path, exc)) from exc
    if len(text) > _MOST_BYTES:
        raise ConfigError(f"{path}: over {_MOST_BYTES} bytes, which is no kubeconfig file")
    try:
        loaded: object = yaml.load(text, yaml.CSafeLoader)
        return msgspec.convert({} if loaded is None else loaded, _File)
    except msgspec.ValidationError as exc:
        raise ConfigError(f"{path}: {exc}") from exc
    except yaml.YAMLError as exc:
        # Without the cause, which shows lines of a file that has keys and passwords in it.
        mark = exc.problem_mark if isinstance(exc, yaml.MarkedYAMLError) else None
        place = f"{path}:{mark.line + 1}" if mark is not None else path
        raise ConfigError(f"{place}: is not valid YAML") from None


def _find(entries: tuple[N, ...] | None, name: str, what: str, path: str) -> N:
    for entry in entries or ():
        if entry.name == name:
            return entry
    raise ConfigError(f"{path}: {what} {quote(name)} does not exist")


def _tls(cluster: _Cluster, user: _User, directory: Path, path: str) -> TLSConfig:
    ca = _pem(cluster.certificate_authority_data, "certificate-authority-data", path)
    ca_file = "" if ca else _joined(directory, cluster.certificate_authority)
    if cluster.insecure_skip_tls_verify and (ca or ca_file):
        raise ConfigError(
            f"{path}: specifying a root certificates file with the insecure flag is not allowed"
        )
    cert = _pem(user.client_certificate_data, "client-certificate-data", path)
    key = _pem(user.client_key_data, "client-key-data", path)
    return _checked(
        TLSConfig(
            ca=ca,
            ca_file=ca_file,
            cert=cert,
            cert_file="" if cert else _joined(directory, user.client_certificate),
            key=Secret(key),
            key_file="" if key else _joined(directory, user.client_key),
            server_name=cluster.tls_server_name,
            insecure_skip_verify=cluster.insecure_skip_tls_verify,
        ),
        path,
    )


def _checked(tls: TLSConfig, path: str) -> TLSConfig:
    for fault in tls.check():
        raise ConfigError(f"{path}: {fault}")
    return tls


def _client(cluster: _Cluster, user: _User, tls: TLSConfig, path: str) -> HTTPClientConfig:
    basic = BasicAuth(username=user.username, password=Secret(user.password))
    # A token file and exec have credentials of their own, which stand in each request.
    token = user.token and not (user.token_file or user.exec)
    if sum(map(bool, (user.token or user.token_file, user.username, user.exec))) > 1:
        raise ConfigError(
            f"{path}: more than one authentication method found: a user has a token, a username "
            "or exec"
        )
    return HTTPClientConfig(
        basic_auth=basic if user.username else None,
        authorization=Authorization(credentials=Secret(user.token)) if token else None,
        tls_config=tls,
        proxy=_proxy(cluster.proxy_url, path),
    )


def _proxy(text: str, path: str) -> ProxyConfig:
    if not text:
        return ProxyConfig(proxy_from_environment=True)
    try:
        return ProxyConfig(proxy_url=URL.parse(text))
    except InvalidValue as exc:
        raise ConfigError(f"{path}: proxy-url: {exc}") from None


def _credentials(
    cluster: _Cluster,
    user: _User,
    directory: Path,
    clock: Clock,
    log: FilteringBoundLogger,
    path: str,
) -> Credentials | None:
    if user.exec is not None:
        return ExecCredentials(user.exec, directory, _cluster_for(cluster, path), clock)
    if user.token_file:
        return TokenFile(_joined(directory, user.token_file), clock, log)
    return None


def _cluster_for(cluster: _Cluster, path: str) -> Callable[[], dict[str, object]]:
    """Return what tells an exec plug-in of the cluster."""

    def describe() -> dict[str, object]:
        described: dict[str, object] = {"server": cluster.server}
        if cluster.tls_server_name:
            described["tls-server-name"] = cluster.tls_server_name
        if cluster.insecure_skip_tls_verify:
            described["insecure-skip-tls-verify"] = True
        if cluster.certificate_authority_data:
            described["certificate-authority-data"] = cluster.certificate_authority_data
        elif cluster.certificate_authority:
            file = Path(_joined(Path(path).parent, cluster.certificate_authority))
            described["certificate-authority-data"] = base64.b64encode(file.read_bytes()).decode()
        if cluster.proxy_url:
            described["proxy-url"] = cluster.proxy_url
        return described

    return describe


def _impersonation(user: _User) -> tuple[tuple[str, str], ...]:
    """Return the headers by which a user acts as another one."""
    if not user.as_:
        return ()
    headers = [(f"{_IMPERSONATE}User", user.as_)]
    if user.as_uid:
        headers.append((f"{_IMPERSONATE}Uid", user.as_uid))
    headers += ((f"{_IMPERSONATE}Group", group) for group in user.as_groups)
    for key, values in user.as_user_extra.items():
        name = f"{_IMPERSONATE}Extra-{quote_url(key, safe='')}"
        headers += ((name, value) for value in values)
    return tuple(headers)


def _joined(directory: Path, path: str) -> str:
    return str(directory / path) if path else ""


def _pem(data: str, key: str, path: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        # Without the cause, which would carry the key.
        raise ConfigError(f"{path}: {key} is not a PEM text in base64") from None
