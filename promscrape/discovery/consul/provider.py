"""`consul_sd_configs`: targets from the services in a Consul catalog.

One watch finds the services, and one for each of them its instances; section 4 of the discovery
specification. Source: Prometheus discovery/consul/consul.go.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar, final

from structlog.typing import FilteringBoundLogger

from promscrape.discovery.consul.api import Answer, ConsulAPI
from promscrape.discovery.consul.config import ConsulSDConfig
from promscrape.discovery.consul.labels import LABELS, Instance, target_group
from promscrape.discovery.consul.metrics import ConsulMetrics
from promscrape.discovery.consul.watch import RETRY_S, Watch
from promscrape.discovery.kind import Kind
from promscrape.discovery.provider import ProviderContext, Publish
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError, FetchError

T = TypeVar("T")

# Calls that are answered at once; those that wait for a change are as many as there are services.
_CALLS_AT_ONCE = 64
_NOTHING: Final = TargetGroup((), {}, "")


@final
class ConsulProvider:
    """Publishes one group for each service, with the service's name as its source."""

    def __init__(
        self, config: ConsulSDConfig, context: ProviderContext, metrics: ConsulMetrics
    ) -> None:
        self._api = ConsulAPI(config, context, metrics)
        self._config, self._metrics = config, metrics
        self._clock, self._log = context.clock, context.log
        self._datacenter = config.datacenter
        self._slots = asyncio.Semaphore(_CALLS_AT_ONCE)
        self._watched: dict[str, asyncio.Task[None]] = {}

    async def run(self, publish: Publish) -> None:
        try:
            if not self._datacenter:
                self._datacenter = await self._datacenter_of_agent()
            async with asyncio.TaskGroup() as watches:
                if self._looks_into_the_catalog():
                    await self._follow_catalog(watches, publish)
                else:
                    for name in dict.fromkeys(self._config.services):
                        self._begin(name, watches, publish)
        finally:
            await self._api.close()

    def _looks_into_the_catalog(self) -> bool:
        config = self._config
        return not config.services or bool(config.tags) or bool(config.filter)

    async def _datacenter_of_agent(self) -> str:
        """Ask the agent until it says where it is; nothing can be labeled before."""
        while True:
            try:
                datacenter = await self._api.datacenter()
            except (DiscoveryError, FetchError) as exc:
                self._metrics.failures.inc()
                self._log.error("Error retrieving datacenter name", err=exc)
            else:
                if datacenter:
                    return datacenter
                self._log.error("Invalid value for Config.Datacenter of the agent")
            await self._clock.sleep_until(self._clock.monotonic_s() + RETRY_S)

    async def _follow_catalog(self, watches: asyncio.TaskGroup, publish: Publish) -> None:
        async def take(catalog: Mapping[str, Sequence[str]]) -> None:
            for name, tags in catalog.items():
                if name not in self._watched and self._wants(name, tags):
                    self._begin(name, watches, publish)
            await self._end(self._watched.keys() - catalog.keys(), publish)
            if not self._watched:
                publish([_NOTHING])

        await self._watch(self._api.services, self._log).run(take)

    def _wants(self, name: str, tags: Sequence[str]) -> bool:
        services = self._config.services
        return (not services or name in services) and set(self._config.tags).issubset(tags)

    def _begin(self, name: str, watches: asyncio.TaskGroup, publish: Publish) -> None:
        self._watched[name] = watches.create_task(
            self._follow_service(name, publish), name=f"consul:{name}"
        )

    async def _end(self, names: set[str], publish: Publish) -> None:
        """End watches; of what they still had to say, nothing comes after the empty groups."""
        ended = [self._watched.pop(name) for name in names]
        for task in ended:
            task.cancel()
        if ended:
            await asyncio.wait(ended)
            publish([TargetGroup((), {}, name) for name in sorted(names)])

    async def _follow_service(self, name: str, publish: Publish) -> None:
        async def call(index: int) -> Answer[list[Instance]]:
            if index:
                return await self._api.instances(name, index)
            async with self._slots:
                return await self._api.instances(name, index)

        async def take(instances: Sequence[Instance]) -> None:
            separator = self._config.tag_separator
            publish([target_group(name, self._datacenter, separator, instances)])

        await self._watch(call, self._log.bind(service=name)).run(take)

    def _watch(
        self, call: Callable[[int], Awaitable[Answer[T]]], log: FilteringBoundLogger
    ) -> Watch[T]:
        interval_s = self._config.refresh_interval.seconds
        return Watch(call, interval_s, self._clock, self._metrics.failures, log)


KIND = Kind("consul", ConsulSDConfig, ConsulMetrics, ConsulProvider, LABELS)
