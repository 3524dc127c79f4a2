"""Labels from an object's metadata: its name, labels and annotations."""

from functools import lru_cache

from promscrape.discovery.kubernetes.objects import Labeled, Meta, Node
from promscrape.discovery.naming import sanitized

PREFIX = "__meta_kubernetes_"
NAMESPACE = f"{PREFIX}namespace"


def name_label(prefix: str, meta: Meta) -> dict[str, str]:
    """Return OMN(prefix, object): the labels of `meta_labels`, and that of the name."""
    labels = meta_labels(prefix, meta)
    labels[f"{PREFIX}{prefix}_name"] = meta.name
    return labels


def meta_labels(prefix: str, meta: Meta) -> dict[str, str]:
    """Return OM(prefix, object): its labels and annotations, each with its `present` twin.

    Of keys that make one name the last by sort order wins (deviation of the specification).
    """
    made: dict[str, str] = {}
    for kind, pairs in (("label", meta.labels), ("annotation", meta.annotations)):
        for key in sorted(pairs or ()):
            name, twin = _names(prefix, kind, key)
            made[name] = pairs[key] if pairs else ""
            made[twin] = "true"
    return made


def node_labels(node: Labeled | Node) -> dict[str, str]:
    """Return what `attach_metadata` adds of a node."""
    return name_label("node", node.metadata)


def namespace_labels(namespace: Labeled) -> dict[str, str]:
    """Return what `attach_metadata` adds of a namespace; its name is a label without that."""
    return meta_labels("namespace", namespace.metadata)


# Objects of one kind have the same few keys; one text for each name saves most of their memory.
@lru_cache(maxsize=1 << 14)
def _names(prefix: str, kind: str, key: str) -> tuple[str, str]:
    word = sanitized(key)
    return f"{PREFIX}{prefix}_{kind}_{word}", f"{PREFIX}{prefix}_{kind}present_{word}"
