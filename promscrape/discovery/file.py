"""`file_sd_configs`: targets from files that other programs write."""

import re
from collections.abc import Iterator
from typing import ClassVar, final

from promscrape.decode.schema import ConfigStruct, FilePath
from promscrape.discovery.refresh import check_interval
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

# A star stands in the last part of a path only; `?` and `[...]` may stand anywhere.
_PATTERN = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)", re.DOTALL)


@final
class FileSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/file/file.go, SDConfig."""

    go_type: ClassVar[str] = "file.plain"
    go_item: ClassVar[str] = "*file.SDConfig"

    files: tuple[FilePath, ...] = ()
    refresh_interval: Duration = Duration(300_000)

    def check(self) -> Iterator[InvalidValue]:
        if not self.files:
            yield InvalidValue(
                "file service discovery config must contain at least one path name", at=("files",)
            )
        for index, path in enumerate(self.files):
            if not _PATTERN.fullmatch(path):
                yield InvalidValue(
                    f"path name {quote(path)} is not valid for file discovery",
                    at=("files", index),
                    hint="end it in .json, .yml or .yaml; `*` may stand in its last part only",
                )
        yield from check_interval(self.refresh_interval)
