"""One place in memory for parts that many objects have alike.

The pods of a deployment have the same containers, owner and labels, and a server lists them one
after the other. Shared, these parts take a third of the memory of ten thousand pods away.
"""

from collections.abc import Hashable
from typing import Final, TypeVar, final

from msgspec.structs import force_setattr

from promscrape.discovery.kubernetes.objects import Pod

H = TypeVar("H", bound=Hashable)

_MOST_PARTS: Final = 4096
_MOST_CHARACTERS: Final = 1024  # of one map: what is kept for the sake of others stays small


@final
class Sharing:
    """Remembers the parts of the last few thousand objects of one watch."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, Hashable] = {}
        self._maps: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def part(self, part: H) -> H:
        """Return a part that is equal, the first that there was."""
        if len(self._parts) >= _MOST_PARTS:
            self._parts.clear()
        return self._parts.setdefault(part, part)  # type: ignore[return-value]  # equal, so alike

    def map(self, texts: dict[str, str] | None) -> dict[str, str] | None:
        """Return a map that is equal, and not to be changed."""
        if not texts or sum(map(len, texts.values())) > _MOST_CHARACTERS:
            return texts
        if len(self._maps) >= _MOST_PARTS:
            self._maps.clear()
        return self._maps.setdefault(tuple(texts.items()), texts)


def share_pod(pod: Pod, sharing: Sharing) -> None:
    """Let a pod that was just decoded have its parts in common with others."""
    meta, spec, status = pod.metadata, pod.spec, pod.status
    force_setattr(meta, "namespace", sharing.part(meta.namespace))
    force_setattr(meta, "owner_references", sharing.part(meta.owner_references))
    force_setattr(meta, "labels", sharing.map(meta.labels))
    force_setattr(meta, "annotations", sharing.map(meta.annotations))
    force_setattr(spec, "node_name", sharing.part(spec.node_name))
    force_setattr(spec, "containers", sharing.part(spec.containers))
    force_setattr(spec, "init_containers", sharing.part(spec.init_containers))
    force_setattr(status, "phase", sharing.part(status.phase))
    force_setattr(status, "host_ip", sharing.part(status.host_ip))
    ready = tuple(one for one in status.conditions or () if one.type == "Ready")
    force_setattr(status, "conditions", sharing.part(ready))
