"""The role service: one target for each port (discovery specification, K-24)."""

from collections.abc import Mapping

from promscrape.discovery.kubernetes.metadata import NAMESPACE, PREFIX, name_label
from promscrape.discovery.kubernetes.objects import Service
from promscrape.discovery.kubernetes.store import Key
from promscrape.discovery.target_group import TargetGroup


def source(key: Key) -> str:
    return f"svc/{key[0]}/{key[1]}"


def service_labels(service: Service) -> dict[str, str]:
    """Return what all targets of a service have in common, also in the endpoints roles."""
    labels = {NAMESPACE: service.metadata.namespace}
    return labels | name_label("service", service.metadata)


def service_group(service: Service, namespace: Mapping[str, str]) -> TargetGroup:
    """Return a service's group. `namespace`: the labels that its namespace adds."""
    meta = service.metadata
    common = _type_labels(service)
    targets = tuple(
        {
            "__address__": f"{meta.name}.{meta.namespace}.svc:{port.port}",
            f"{PREFIX}service_port_name": port.name,
            f"{PREFIX}service_port_number": str(port.port),
            f"{PREFIX}service_port_protocol": port.protocol,
            **common,
        }
        for port in service.spec.ports or ()
    )
    key = (meta.namespace, meta.name)
    return TargetGroup(targets, {**service_labels(service), **namespace}, source(key))


def _type_labels(service: Service) -> dict[str, str]:
    spec = service.spec
    labels = {f"{PREFIX}service_type": spec.type}
    if spec.type == "ExternalName":
        labels[f"{PREFIX}service_external_name"] = spec.external_name
        return labels
    labels[f"{PREFIX}service_cluster_ip"] = spec.cluster_ip
    if spec.type == "LoadBalancer":
        ingress = service.status.load_balancer.ingress or ()
        addresses = ",".join(entry.ip for entry in ingress if entry.ip)
        labels[f"{PREFIX}service_loadbalancer_ip"] = addresses or spec.load_balancer_ip
    return labels
