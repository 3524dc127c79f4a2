"""The three ways to an API server: around us, by a kubeconfig file, by its URL (K-5 to K-8)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.kubernetes.config import KubernetesSDConfig
from promscrape.discovery.kubernetes.connection import Access
from promscrape.discovery.kubernetes.credential import TokenFile
from promscrape.discovery.kubernetes.kubeconfig import read_kubeconfig
from promscrape.discovery.naming import host_port
from promscrape.errors import ConfigError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.httpclient.tls_context import TLS
from promscrape.httpclient.watched_file import open_error

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def access_to(
    config: KubernetesSDConfig,
    clock: Clock,
    log: FilteringBoundLogger,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """Return how the API server of an entry is reached. Raises ConfigError.

    environ, service_account: where a pod finds its API server and its credentials.
    """
    if config.api_server is not None:
        return Access(config.api_server.reveal().rstrip("/"), config.http_client)
    if config.kubeconfig_file:
        return read_kubeconfig(config.kubeconfig_file, clock, log)
    return _in_cluster(clock, log, environ, service_account)


def _in_cluster(
    clock: Clock, log: FilteringBoundLogger, environ: Mapping[str, str], account: Path
) -> Access:
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise ConfigError(
            "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
            "KUBERNETES_SERVICE_PORT must be defined; outside of a cluster, set api_server or "
            "kubeconfig_file"
        )
    return Access(
        f"https://{host_port(host, port)}",
        HTTPClientConfig(
            tls_config=_cluster_authority(account / "ca.crt", log),
            proxy=ProxyConfig(proxy_from_environment=True),
        ),
        credentials=TokenFile(str(account / "token"), clock, log),
        namespace=_own_namespace(account / "namespace"),
    )


def _cluster_authority(path: Path, log: FilteringBoundLogger) -> TLSConfig:
    """Return whom to trust: the cluster's own authority, or the system's where it is unusable."""
    tls = TLSConfig(ca_file=str(path))
    try:
        TLS(tls)
    except ConfigError as exc:
        log.warning("Cannot use the cluster's CA, trusting the system's", err=str(exc))
        return TLSConfig()
    return tls


def _own_namespace(path: Path) -> str:
    try:
        namespace = path.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        reason = open_error(str(path), exc) if isinstance(exc, OSError) else f"{path} is not UTF-8"
        raise ConfigError(f"unable to determine own namespace: {reason}") from exc
    if not namespace:
        raise ConfigError(f"unable to determine own namespace: {path} is empty")
    return namespace
