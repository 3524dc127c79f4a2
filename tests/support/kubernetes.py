"""A provider of Kubernetes discovery beside the test's own API server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from promscrape.clock import Clock
from promscrape.discovery.kubernetes.config import (
    AttachMetadata,
    KubernetesSDConfig,
    Namespaces,
    Selector,
)
from promscrape.discovery.kubernetes.kind import KIND
from promscrape.model.url import URL
from tests.support.discovery import Discovered, discovering
from tests.support.kubernetes_api import KubernetesAPI


@asynccontextmanager
async def discover(
    api: KubernetesAPI,
    role: str,
    *,
    names: tuple[str, ...] = (),
    selectors: tuple[Selector, ...] = (),
    attach: AttachMetadata | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Discovered]:
    """Run a provider of the role, and end it."""
    config = KubernetesSDConfig(
        api_server=URL(api.url),
        role=role,
        namespaces=Namespaces(names=names),
        selectors=selectors,
        attach_metadata=attach or AttachMetadata(),
    )
    async with discovering(KIND, config, clock) as discovered:
        yield discovered


def failures(discovered: Discovered) -> float | None:
    return discovered.counted("kubernetes_failures_total")


def events(discovered: Discovered, role: str) -> tuple[float | None, ...]:
    """Return how many objects were added, updated and deleted."""
    return tuple(
        discovered.counted("kubernetes_events_total", role=role, event=event)
        for event in ("add", "update", "delete")
    )
