"""Every kind of service discovery, by the key that a job has it under."""

from collections.abc import Iterator
from typing import ClassVar, Final, TypeVar, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.aws import AwsSDConfig
from promscrape.discovery.azure import AzureSDConfig
from promscrape.discovery.consul import ConsulSDConfig
from promscrape.discovery.digitalocean import DigitaloceanSDConfig
from promscrape.discovery.dns import DnsSDConfig
from promscrape.discovery.docker import DockerSDConfig
from promscrape.discovery.dockerswarm import DockerswarmSDConfig
from promscrape.discovery.ec2 import Ec2SDConfig
from promscrape.discovery.ecs import EcsSDConfig
from promscrape.discovery.elasticache import ElasticacheSDConfig
from promscrape.discovery.eureka import EurekaSDConfig
from promscrape.discovery.file import FileSDConfig
from promscrape.discovery.gce import GceSDConfig
from promscrape.discovery.hetzner import HetznerSDConfig
from promscrape.discovery.http import HttpSDConfig
from promscrape.discovery.ionos import IonosSDConfig
from promscrape.discovery.kubernetes.config import KubernetesSDConfig
from promscrape.discovery.kuma import KumaSDConfig
from promscrape.discovery.lightsail import LightsailSDConfig
from promscrape.discovery.linode import LinodeSDConfig
from promscrape.discovery.marathon import MarathonSDConfig
from promscrape.discovery.msk import MskSDConfig
from promscrape.discovery.nerve import NerveSDConfig
from promscrape.discovery.nomad import NomadSDConfig
from promscrape.discovery.oci import OciSDConfig
from promscrape.discovery.openstack import OpenstackSDConfig
from promscrape.discovery.outscale import OutscaleSDConfig
from promscrape.discovery.ovhcloud import OvhcloudSDConfig
from promscrape.discovery.puppetdb import PuppetdbSDConfig
from promscrape.discovery.rds import RdsSDConfig
from promscrape.discovery.scaleway import ScalewaySDConfig
from promscrape.discovery.serverset import ServersetSDConfig
from promscrape.discovery.stackit import StackitSDConfig
from promscrape.discovery.static import StaticConfig
from promscrape.discovery.triton import TritonSDConfig
from promscrape.discovery.uyuni import UyuniSDConfig
from promscrape.discovery.vultr import VultrSDConfig
from promscrape.model.invalid import InvalidValue

T = TypeVar("T")

# The keys that have a provider. A job with another loads, and finds no targets through it.
BUILT: Final = frozenset({"static_configs"})


@final
class DiscoveryConfigs(ConfigStruct, frozen=True, kw_only=True):
    """Where the targets of one job come from; the keys stand in the job itself.

    What has passed `check` holds no None. Two that are equal lead to the same targets.
    """

    go_type: ClassVar[str] = "config.ScrapeConfig"

    aws_sd_configs: tuple[AwsSDConfig | None, ...] = ()
    azure_sd_configs: tuple[AzureSDConfig | None, ...] = ()
    consul_sd_configs: tuple[ConsulSDConfig | None, ...] = ()
    digitalocean_sd_configs: tuple[DigitaloceanSDConfig | None, ...] = ()
    dns_sd_configs: tuple[DnsSDConfig | None, ...] = ()
    docker_sd_configs: tuple[DockerSDConfig | None, ...] = ()
    dockerswarm_sd_configs: tuple[DockerswarmSDConfig | None, ...] = ()
    ec2_sd_configs: tuple[Ec2SDConfig | None, ...] = ()
    ecs_sd_configs: tuple[EcsSDConfig | None, ...] = ()
    elasticache_sd_configs: tuple[ElasticacheSDConfig | None, ...] = ()
    eureka_sd_configs: tuple[EurekaSDConfig | None, ...] = ()
    file_sd_configs: tuple[FileSDConfig | None, ...] = ()
    gce_sd_configs: tuple[GceSDConfig | None, ...] = ()
    hetzner_sd_configs: tuple[HetznerSDConfig | None, ...] = ()
    http_sd_configs: tuple[HttpSDConfig | None, ...] = ()
    ionos_sd_configs: tuple[IonosSDConfig | None, ...] = ()
    kubernetes_sd_configs: tuple[KubernetesSDConfig | None, ...] = ()
    kuma_sd_configs: tuple[KumaSDConfig | None, ...] = ()
    lightsail_sd_configs: tuple[LightsailSDConfig | None, ...] = ()
    linode_sd_configs: tuple[LinodeSDConfig | None, ...] = ()
    marathon_sd_configs: tuple[MarathonSDConfig | None, ...] = ()
    msk_sd_configs: tuple[MskSDConfig | None, ...] = ()
    nerve_sd_configs: tuple[NerveSDConfig | None, ...] = ()
    nomad_sd_configs: tuple[NomadSDConfig | None, ...] = ()
    oci_sd_configs: tuple[OciSDConfig | None, ...] = ()
    openstack_sd_configs: tuple[OpenstackSDConfig | None, ...] = ()
    outscale_sd_configs: tuple[OutscaleSDConfig | None, ...] = ()
    ovhcloud_sd_configs: tuple[OvhcloudSDConfig | None, ...] = ()
    puppetdb_sd_configs: tuple[PuppetdbSDConfig | None, ...] = ()
    rds_sd_configs: tuple[RdsSDConfig | None, ...] = ()
    scaleway_sd_configs: tuple[ScalewaySDConfig | None, ...] = ()
    serverset_sd_configs: tuple[ServersetSDConfig | None, ...] = ()
    stackit_sd_configs: tuple[StackitSDConfig | None, ...] = ()
    static_configs: tuple[StaticConfig | None, ...] = ()
    triton_sd_configs: tuple[TritonSDConfig | None, ...] = ()
    uyuni_sd_configs: tuple[UyuniSDConfig | None, ...] = ()
    vultr_sd_configs: tuple[VultrSDConfig | None, ...] = ()

    def check(self) -> Iterator[InvalidValue]:
        for key in self.__struct_fields__:
            for index, config in enumerate(getattr(self, key)):
                if config is None:
                    yield InvalidValue(f"empty or null section in {key}", at=(key, index))

    def static(self) -> tuple[StaticConfig, ...]:
        """Return the entries of `static_configs`, which make up one provider."""
        return present(self.static_configs)

    def missing(self) -> Iterator[str]:
        """Yield the name of the kind of each entry that promscrape has no provider for."""
        for key in self.__struct_fields__:
            if key not in BUILT:
                yield from [key.removesuffix("_sd_configs")] * len(getattr(self, key))


def present(entries: tuple[T | None, ...]) -> tuple[T, ...]:
    """Return the entries of a list that has passed its check: all of them."""
    return tuple(entry for entry in entries if entry is not None)
