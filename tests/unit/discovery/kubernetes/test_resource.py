"""Where objects lie in the API."""

import pytest

from promscrape.discovery.kubernetes.objects import Object
from promscrape.discovery.kubernetes.resource import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    INGRESSES,
    JOBS,
    NAMESPACES,
    NODE_LABELS,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    Resource,
)


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (NODES, "/api/v1/nodes"),
        (NODE_LABELS, "/api/v1/nodes"),
        (NAMESPACES, "/api/v1/namespaces"),
        (PODS, "/api/v1/pods"),
        (SERVICES, "/api/v1/services"),
        (ENDPOINTS, "/api/v1/endpoints"),
        (ENDPOINT_SLICES, "/apis/discovery.k8s.io/v1/endpointslices"),
        (INGRESSES, "/apis/networking.k8s.io/v1/ingresses"),
        (REPLICA_SETS, "/apis/apps/v1/replicasets"),
        (JOBS, "/apis/batch/v1/jobs"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_each_kind_has_its_path(resource: Resource[Object], path: str) -> None:
    """Discovery 3.3: of all, and of those in a namespace."""
    assert resource.path("") == path
    root, _, name = path.rpartition("/")
    assert resource.path("a b/c") == f"{root}/namespaces/a%20b%2Fc/{name}"


def test_of_some_kinds_the_metadata_is_enough() -> None:
    """K-8: a server that does not know the short form sends the whole."""
    assert PODS.accept("List") == "application/json"
    form = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"
    assert NODE_LABELS.accept("List") == form.format("List")
    assert JOBS.accept("") == form.format("")
