"""The kind `kubernetes`: what it is to the registry, and every label that it knows."""

from collections.abc import Iterator
from typing import Final

from promscrape.discovery.kind import Kind
from promscrape.discovery.kubernetes.config import KubernetesSDConfig
from promscrape.discovery.kubernetes.metadata import PREFIX
from promscrape.discovery.kubernetes.metrics import KubernetesMetrics
from promscrape.discovery.kubernetes.provider import KubernetesProvider


def _of_metadata(prefix: str) -> Iterator[str]:
    """Yield the names that `metadata.meta_labels` makes."""
    for word in ("label", "labelpresent", "annotation", "annotationpresent"):
        yield f"{prefix}_{word}_<key>"


_LABELS: Final = (
    "namespace",
    *_of_metadata("namespace"),
    "node_name",
    *_of_metadata("node"),
    "node_provider_id",
    "node_condition_<type>",
    "node_address_<type>",
    "service_name",
    *_of_metadata("service"),
    "service_port_name",
    "service_port_number",
    "service_port_protocol",
    "service_type",
    "service_cluster_ip",
    "service_external_name",
    "service_loadbalancer_ip",
    "pod_name",
    *_of_metadata("pod"),
    "pod_ip",
    "pod_host_ip",
    "pod_phase",
    "pod_ready",
    "pod_node_name",
    "pod_uid",
    "pod_controller_kind",
    "pod_controller_name",
    "pod_deployment_name",
    "pod_job_name",
    "pod_cronjob_name",
    "pod_container_name",
    "pod_container_image",
    "pod_container_id",
    "pod_container_init",
    "pod_container_port_name",
    "pod_container_port_number",
    "pod_container_port_protocol",
    "endpoints_name",
    *_of_metadata("endpoints"),
    "endpoint_port_name",
    "endpoint_port_protocol",
    "endpoint_ready",
    "endpoint_hostname",
    "endpoint_node_name",
    "endpoint_address_target_kind",
    "endpoint_address_target_name",
    "endpointslice_name",
    *_of_metadata("endpointslice"),
    "endpointslice_address_type",
    "endpointslice_port",
    "endpointslice_port_name",
    "endpointslice_port_protocol",
    "endpointslice_port_app_protocol",
    "endpointslice_endpoint_conditions_ready",
    "endpointslice_endpoint_conditions_serving",
    "endpointslice_endpoint_conditions_terminating",
    "endpointslice_endpoint_hostname",
    "endpointslice_endpoint_node_name",
    "endpointslice_endpoint_zone",
    "endpointslice_endpoint_topology_<key>",
    "endpointslice_endpoint_topology_present_<key>",
    "endpointslice_address_target_kind",
    "endpointslice_address_target_name",
    "ingress_name",
    *_of_metadata("ingress"),
    "ingress_class_name",
    "ingress_scheme",
    "ingress_host",
    "ingress_path",
)

KIND: Final = Kind(
    "kubernetes",
    KubernetesSDConfig,
    KubernetesMetrics,
    KubernetesProvider,
    labels=tuple(f"{PREFIX}{name}" for name in _LABELS),
)
