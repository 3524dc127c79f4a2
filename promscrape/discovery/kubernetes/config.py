"""`kubernetes_sd_configs`: what is watched, where, and with whose credentials."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath
from promscrape.discovery.kubernetes.field_selector import check_field_selector
from promscrape.discovery.kubernetes.label_selector import check_label_selector
from promscrape.discovery.role import one_of
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL

# The roles, and those of the selectors that each understands, in the order of its error text.
_SELECTOR_ROLES: Mapping[str, tuple[str, ...]] = {
    "node": ("node",),
    "pod": ("pod", "node"),
    "service": ("service",),
    "endpoints": ("pod", "service", "endpoints"),
    "endpointslice": ("pod", "service", "endpointslice"),
    "ingress": ("ingress",),
}
_ROLE = one_of(_SELECTOR_ROLES, "unknown Kubernetes SD role")


@final
class Namespaces(ConfigStruct, frozen=True, kw_only=True):
    """The namespaces that are watched: all, where it names none."""

    go_type: ClassVar[str] = "kubernetes.plain"

    own_namespace: bool = False
    names: tuple[str, ...] = ()


@final
class Selector(ConfigStruct, frozen=True, kw_only=True):
    """What the API server leaves out of the objects of one role."""

    go_type: ClassVar[str] = "kubernetes.SelectorConfig"
    go_item: ClassVar[str] = "kubernetes.SelectorConfig"

    role: Annotated[str, _ROLE] = ""
    label: str = ""
    field: str = ""


@final
class AttachMetadata(ConfigStruct, frozen=True, kw_only=True):
    """The objects around a target of which labels and annotations are added to its own."""

    go_type: ClassVar[str] = "kubernetes.AttachMetadataConfig"

    node: bool = False
    namespace: bool = False
    deployment: bool = False
    job: bool = False
    cronjob: bool = False


@final
class KubernetesSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/kubernetes/kubernetes.go, SDConfig."""

    go_type: ClassVar[str] = "kubernetes.plain"
    go_item: ClassVar[str] = "*kubernetes.SDConfig"

    api_server: URL | None = None  # None: that of kubeconfig_file, or of the cluster around us
    role: Annotated[str, _ROLE] = ""
    kubeconfig_file: FilePath = ""
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    namespaces: Namespaces = Namespaces()
    selectors: tuple[Selector, ...] = ()
    attach_metadata: AttachMetadata = AttachMetadata()

    def check(self) -> Iterator[InvalidValue]:
        if not self.role:
            known = "pod, service, endpoints, endpointslice, node, ingress"
            yield InvalidValue(f"role missing (one of: {known})", at=("role",))
        yield from self.http_client.check()
        yield from self._check_access()
        if self.role:
            yield from self._check_selectors()

    def _check_access(self) -> Iterator[InvalidValue]:
        has_server, has_file = self.api_server is not None, bool(self.kubeconfig_file)
        own_client = self.http_client != HTTPClientConfig()
        own_namespace = ("namespaces", "own_namespace")
        if has_server and has_file:
            yield InvalidValue(
                "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
                at=("kubeconfig_file",),
            )
        if has_file and own_client:
            yield InvalidValue(
                "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
                at=("kubeconfig_file",),
            )
        elif own_client and not has_server:
            yield InvalidValue(
                "to use custom HTTP client configuration please provide the 'api_server' URL "
                "explicitly"
            )
        if self.namespaces.own_namespace:
            for key, is_set in (("api_server", has_server), ("kubeconfig_file", has_file)):
                if is_set:
                    yield InvalidValue(
                        f"cannot use '{key}' and 'namespaces.own_namespace' simultaneously",
                        at=own_namespace,
                    )

    def _check_selectors(self) -> Iterator[InvalidValue]:
        seen = set[str]()
        for index, selector in enumerate(self.selectors):
            fault = self._selector_fault(selector, seen)
            if fault:
                yield InvalidValue(str(fault), at=("selectors", index, *fault.at), hint=fault.hint)
            seen.add(selector.role)

    def _selector_fault(self, selector: Selector, seen: set[str]) -> InvalidValue | None:
        allowed = _SELECTOR_ROLES[self.role]
        if selector.role in seen:
            return InvalidValue(f"duplicated selector role: {selector.role}", at=("role",))
        if selector.role not in allowed:
            return InvalidValue(
                f"{self.role} role supports only {', '.join(allowed)} selectors", at=("role",)
            )
        for key, check in (("field", check_field_selector), ("label", check_label_selector)):
            try:
                check(getattr(selector, key))
            except InvalidValue as exc:
                return InvalidValue(str(exc), at=(key,))
        return None
