"""Every kind of service discovery: one line for each that promscrape has, and the plug-ins."""

import functools
import types
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Annotated, Final, TypeAlias

from promscrape.decode.schema import ConfigStruct, Late
from promscrape.discovery import (
    digitalocean,
    dns,
    docker,
    dockerswarm,
    eureka,
    exec_,
    file,
    hetzner,
    http,
    ionos,
    kuma,
    linode,
    marathon,
    nomad,
    puppetdb,
    scaleway,
    static,
    triton,
    uyuni,
    vultr,
)
from promscrape.discovery.aws import AwsSDConfig
from promscrape.discovery.azure import AzureSDConfig
from promscrape.discovery.consul import provider as consul
from promscrape.discovery.ec2 import Ec2SDConfig
from promscrape.discovery.ecs import EcsSDConfig
from promscrape.discovery.elasticache import ElasticacheSDConfig
from promscrape.discovery.gce import GceSDConfig
from promscrape.discovery.kind import AnyKind, Unbuilt
from promscrape.discovery.kubernetes import kind as kubernetes
from promscrape.discovery.lightsail import LightsailSDConfig
from promscrape.discovery.msk import MskSDConfig
from promscrape.discovery.nerve import NerveSDConfig
from promscrape.discovery.oci import OciSDConfig
from promscrape.discovery.openstack import provider as openstack
from promscrape.discovery.outscale import OutscaleSDConfig
from promscrape.discovery.ovhcloud import OvhcloudSDConfig
from promscrape.discovery.plugins import GROUP, Plugin, plugins_by_key
from promscrape.discovery.rds import RdsSDConfig
from promscrape.discovery.serverset import ServersetSDConfig
from promscrape.discovery.stackit import StackitSDConfig

KINDS: Final[tuple[AnyKind | Unbuilt, ...]] = (
    Unbuilt("aws", AwsSDConfig),
    Unbuilt("azure", AzureSDConfig),
    consul.KIND,
    digitalocean.KIND,
    dns.KIND,
    docker.KIND,
    dockerswarm.KIND,
    Unbuilt("ec2", Ec2SDConfig),
    Unbuilt("ecs", EcsSDConfig),
    Unbuilt("elasticache", ElasticacheSDConfig),
    eureka.KIND,
    exec_.KIND,
    file.KIND,
    Unbuilt("gce", GceSDConfig),
    hetzner.KIND,
    http.KIND,
    ionos.KIND,
    kubernetes.KIND,
    kuma.KIND,
    Unbuilt("lightsail", LightsailSDConfig),
    linode.KIND,
    marathon.KIND,
    Unbuilt("msk", MskSDConfig),
    Unbuilt("nerve", NerveSDConfig),
    nomad.KIND,
    Unbuilt("oci", OciSDConfig),
    openstack.KIND,
    Unbuilt("outscale", OutscaleSDConfig),
    Unbuilt("ovhcloud", OvhcloudSDConfig),
    puppetdb.KIND,
    Unbuilt("rds", RdsSDConfig),
    scaleway.KIND,
    Unbuilt("serverset", ServersetSDConfig),
    Unbuilt("stackit", StackitSDConfig),
    static.KIND,
    triton.KIND,
    uyuni.KIND,
    vultr.KIND,
)
Registered: TypeAlias = AnyKind | Unbuilt | Plugin


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
    return {key: _annotation(kind) for key, kind in registered().items()}


def _annotation(kind: Registered) -> object:
    if isinstance(kind, Plugin):
        owner = f"plug-in {kind.package}"
        return Annotated[tuple, Late(owner, lambda: _entries(kind.kind.config))]
    return _entries(kind.config)


def _entries(config: type[ConfigStruct]) -> object:
    return types.GenericAlias(tuple, (config | None, ...))
