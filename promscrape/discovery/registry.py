"""Every kind of service discovery: one line for each that promscrape has, and the plug-ins.

No kind is imported here, but when a configuration first has its key: most use two or three of them,
and each start and each `check config` would pay for all. Their metrics stand apart for that reason.
"""

import functools
import types
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Annotated, Final, TypeAlias

from prometheus_client import CollectorRegistry

from promscrape.decode.schema import ConfigStruct, Late
from promscrape.discovery.consul.metrics import ConsulMetrics
from promscrape.discovery.kind import AnyKind, BuiltIn, Kind, NoMetrics, Unbuilt
from promscrape.discovery.kind_metrics import (
    DnsMetrics,
    ExecMetrics,
    FileMetrics,
    HttpMetrics,
    KumaMetrics,
    LinodeMetrics,
    NomadMetrics,
)
from promscrape.discovery.kubernetes.metrics import KubernetesMetrics
from promscrape.discovery.plugins import GROUP, Plugin, plugins_by_key
from promscrape.version import PROGRAM


def _built_in(
    name: str, metrics: Callable[[CollectorRegistry], object] = NoMetrics, *, module: str = ""
) -> BuiltIn:
    """Return the kind that a module of this package, mostly that of its name, has as KIND."""
    return BuiltIn(name, functools.partial(_load, module or name), metrics)


def _unbuilt(name: str) -> BuiltIn:
    """Return a kind that has no provider yet."""
    return BuiltIn(name, functools.partial(_load, name), None)


def _load(module: str) -> AnyKind | Unbuilt:
    kind = import_module(f"promscrape.discovery.{module}").KIND
    assert isinstance(kind, Kind | Unbuilt)
    return kind


KINDS: Final[tuple[BuiltIn, ...]] = (
    _unbuilt("aws"),
    _unbuilt("azure"),
    _built_in("consul", ConsulMetrics, module="consul.provider"),
    _built_in("digitalocean"),
    _built_in("dns", DnsMetrics),
    _built_in("docker"),
    _built_in("dockerswarm"),
    _unbuilt("ec2"),
    _unbuilt("ecs"),
    _unbuilt("elasticache"),
    _built_in("eureka"),
    _built_in("exec", ExecMetrics, module="exec_"),
    _built_in("file", FileMetrics),
    _unbuilt("gce"),
    _built_in("hetzner"),
    _built_in("http", HttpMetrics),
    _built_in("ionos"),
    _built_in("kubernetes", KubernetesMetrics, module="kubernetes.kind"),
    _built_in("kuma", KumaMetrics),
    _unbuilt("lightsail"),
    _built_in("linode", LinodeMetrics),
    _built_in("marathon"),
    _unbuilt("msk"),
    _unbuilt("nerve"),
    _built_in("nomad", NomadMetrics),
    _unbuilt("oci"),
    _built_in("openstack", module="openstack.provider"),
    _unbuilt("outscale"),
    _unbuilt("ovhcloud"),
    _built_in("puppetdb"),
    _unbuilt("rds"),
    _built_in("scaleway"),
    _unbuilt("serverset"),
    _unbuilt("stackit"),
    _built_in("static"),
    _built_in("triton"),
    _built_in("uyuni"),
    _built_in("vultr"),
)
Registered: TypeAlias = BuiltIn | Plugin


@functools.cache
def registered() -> Mapping[str, Registered]:
    """Return all kinds by their keys; which packages are installed is looked up once.

    Raises ConfigError where two packages bring the same kind.
    """
    built_in = {kind.key: kind for kind in KINDS}
    names = [kind.name for kind in KINDS]
    return {**built_in, **plugins_by_key(entry_points(group=GROUP), names)}


def annotations() -> Mapping[str, object]:
    """Return what the value of each key is annotated with, for the decoder."""
    return {key: Annotated[tuple, _late(kind)] for key, kind in registered().items()}


def _late(registered: Registered) -> Late:
    def load() -> object:
        return _entries(registered.kind.config)

    if isinstance(registered, BuiltIn):
        return Late(PROGRAM, load, is_ours=True)
    return Late(f"plug-in {registered.package}", load)


def _entries(config: type[ConfigStruct]) -> object:
    return types.GenericAlias(tuple, (config | None, ...))
