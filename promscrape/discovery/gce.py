"""`gce_sd_configs`: targets from the instances of Google Compute Engine."""

from collections.abc import Iterator
from typing import ClassVar, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.kind import Unbuilt
from promscrape.discovery.refresh import check_interval
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue


@final
class GceSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry, for one zone; source: Prometheus discovery/gce/gce.go, SDConfig."""

    go_type: ClassVar[str] = "gce.plain"
    go_item: ClassVar[str] = "*gce.SDConfig"

    project: str = ""
    zone: str = ""
    filter: str = ""
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    tag_separator: str = ","

    def check(self) -> Iterator[InvalidValue]:
        for key in ("project", "zone"):
            if not getattr(self, key):
                yield InvalidValue(f"GCE SD configuration requires a {key}", at=(key,))
        yield from check_interval(self.refresh_interval)


KIND = Unbuilt("gce", GceSDConfig)
