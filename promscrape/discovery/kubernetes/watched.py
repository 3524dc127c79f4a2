"""What a provider watches: a store for each kind of object, filled from each namespace."""

from collections.abc import Callable
from typing import TypeVar, final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.kubernetes.config import KubernetesSDConfig, Namespaces
from promscrape.discovery.kubernetes.connection import Connection
from promscrape.discovery.kubernetes.metrics import KubernetesMetrics
from promscrape.discovery.kubernetes.objects import Object
from promscrape.discovery.kubernetes.resource import SELECTOR_ROLES, Resource
from promscrape.discovery.kubernetes.store import Store
from promscrape.discovery.kubernetes.watch import Runnable, Scope, Watch

T = TypeVar("T", bound=Object)


@final
class Watched:
    """Makes the watches of one provider, each kind of object in each namespace once.

    namespaces: those of the configuration; [""] for all of them.
    """

    def __init__(
        self,
        config: KubernetesSDConfig,
        namespaces: list[str],
        connection: Connection,
        clock: Clock,
        metrics: KubernetesMetrics,
        log: FilteringBoundLogger,
    ) -> None:
        self._selectors = {selector.role: selector for selector in config.selectors}
        self._namespaces = namespaces
        self._connection, self._clock = connection, clock
        self._metrics, self._log = metrics, log
        self.watches: list[Runnable] = []

    def everywhere(
        self, resource: Resource[T], note: Callable[[str], None] | None = None
    ) -> Store[T]:
        """Return a store of objects that are in no namespace; see `namespaced`."""
        return self._store(resource, [""], note)

    def namespaced(
        self, resource: Resource[T], note: Callable[[str], None] | None = None
    ) -> Store[T]:
        """Return a store of the objects in the provider's namespaces.

        note: told of each change: `add`, `update` or `delete`.
        """
        return self._store(resource, self._namespaces, note)

    def _store(
        self, resource: Resource[T], namespaces: list[str], note: Callable[[str], None] | None
    ) -> Store[T]:
        store = Store[T]()
        selector = self._selector(resource.name)
        for namespace in namespaces:
            self.watches.append(
                Watch(
                    Scope(resource, namespace, selector),
                    store,
                    self._connection,
                    self._clock,
                    self._metrics.failures,
                    note or _nobody,
                    self._log,
                )
            )
        return store

    def _selector(self, resource: str) -> tuple[tuple[str, str], ...]:
        selector = self._selectors.get(SELECTOR_ROLES.get(resource, ""))
        if selector is None:
            return ()
        pairs = (("labelSelector", selector.label), ("fieldSelector", selector.field))
        return tuple((name, text) for name, text in pairs if text)


def namespaces_of(config: Namespaces, own: str) -> list[str]:
    """Return the namespaces to watch, each once; [""] for all. `own`: that of promscrape itself."""
    names = [*config.names, own] if config.own_namespace else config.names
    return list(dict.fromkeys(names)) or [""]


def _nobody(_: str) -> None:
    """Note nothing: only the changes of some kinds are counted."""
