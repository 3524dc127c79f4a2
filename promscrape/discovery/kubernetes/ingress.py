"""The role ingress: one target for each path of each rule (K-35, K-36)."""

from collections.abc import Iterator, Mapping

from promscrape.discovery.kubernetes.metadata import NAMESPACE, PREFIX, name_label
from promscrape.discovery.kubernetes.objects import Ingress, IngressRule
from promscrape.discovery.kubernetes.store import Key
from promscrape.discovery.target_group import TargetGroup


def source(key: Key) -> str:
    return f"ingress/{key[0]}/{key[1]}"


def ingress_group(ingress: Ingress, namespace: Mapping[str, str]) -> TargetGroup:
    """Return an ingress's group. `namespace`: the labels that its namespace adds."""
    meta = ingress.metadata
    labels = {NAMESPACE: meta.namespace, **name_label("ingress", meta), **namespace}
    if ingress.spec.ingress_class_name is not None:
        labels[f"{PREFIX}ingress_class_name"] = ingress.spec.ingress_class_name
    secured = [host for tls in ingress.spec.tls or () for host in tls.hosts or ()]
    targets = tuple(
        {
            "__address__": rule.host,
            f"{PREFIX}ingress_scheme": _scheme(rule.host, secured),
            f"{PREFIX}ingress_host": rule.host,
            f"{PREFIX}ingress_path": path,
        }
        for rule in ingress.spec.rules or ()
        for path in _paths(rule)
    )
    return TargetGroup(targets, labels, source((meta.namespace, meta.name)))


def _paths(rule: IngressRule) -> Iterator[str]:
    if rule.http is None:
        yield "/"
    else:
        for entry in rule.http.paths or ():
            yield entry.path or "/"


def _scheme(host: str, secured: list[str]) -> str:
    return "https" if any(_covers(pattern, host) for pattern in secured) else "http"


def _covers(pattern: str, host: str) -> bool:
    """Whether a certificate's name, in which `*` stands for one label, goes for the host."""
    if pattern == host:
        return True
    first, dot, rest = pattern.partition(".")
    return first == "*" and bool(dot) and host.partition(".")[2] == rest
