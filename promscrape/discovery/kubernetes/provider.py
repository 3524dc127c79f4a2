"""`kubernetes_sd_configs`: targets from the objects of a cluster, as it changes."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import final

from promscrape.discovery.kubernetes.access import SERVICE_ACCOUNT, access_to
from promscrape.discovery.kubernetes.config import KubernetesSDConfig
from promscrape.discovery.kubernetes.connection import Connection
from promscrape.discovery.kubernetes.metrics import KubernetesMetrics
from promscrape.discovery.kubernetes.queue import WorkQueue
from promscrape.discovery.kubernetes.roles import make_role
from promscrape.discovery.kubernetes.watched import Watched, namespaces_of
from promscrape.discovery.provider import ProviderContext, Publish


@final
class KubernetesProvider:
    """Watches the objects of one entry, and publishes a group for each of its role.

    The first groups are published once all that they are made of has been listed. After that,
    while the API server does not answer, everything stays as it was. Raises ConfigError where the
    server's address or credentials cannot be had.
    """

    def __init__(
        self,
        config: KubernetesSDConfig,
        context: ProviderContext,
        metrics: KubernetesMetrics,
        *,
        environ: Mapping[str, str] = os.environ,
        service_account: Path = SERVICE_ACCOUNT,
    ) -> None:
        clock, log = context.clock, context.log
        access = access_to(config, clock, log, environ=environ, service_account=service_account)
        namespaces = namespaces_of(config.namespaces, access.namespace)
        self._connection = Connection(access, context.http_client, clock, metrics, log)
        self._queue = WorkQueue(config.role, clock, metrics)
        watched = Watched(config, namespaces, self._connection, clock, metrics, log)
        self._role = make_role(
            config.role, config.attach_metadata, watched, self._queue, metrics, log
        )
        self._watches = watched.watches

    async def run(self, publish: Publish) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for number, watch in enumerate(self._watches):
                    group.create_task(watch.run(), name=f"kubernetes:watch:{number}")
                for watch in self._watches:
                    await watch.synced.wait()
                await self._queue.work(self._role.make, publish)
        finally:
            await self._connection.close()
