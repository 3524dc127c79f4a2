"""A checksum of a configuration: its file, and the files that it includes.

    SHA-256( main file, { kind, NUL, path, NUL, content, NUL } for each included file )

`kind` is `r` for a rule file and `s` for a scrape configuration file; all of the former come
first, each in the order of its pattern and then of its name. Files of other kinds, such as
certificates, passwords and lists of targets, are read when they are needed and are no part of it.
Source: Prometheus config/reload.go, GenerateChecksum.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated, ClassVar, final

from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import ConfigStruct, GoName
from promscrape.errors import ConfigError
from promscrape.glob import BadPattern, glob
from promscrape.model.quoting import quote

Patterns = Annotated[tuple[str, ...], GoName("[]string")]


@final
class _Included(ConfigStruct, frozen=True, kw_only=True):
    """The keys of the main file that name other files."""

    go_type: ClassVar[str] = "config.ExternalFilesConfig"

    rule_files: Patterns = ()
    scrape_config_files: Patterns = ()


@final
class Checksums:
    """Makes checksums of the configuration whose main file is at `path`.

    What the main file includes is worked out once for each of its texts.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._source: bytes | None = None
        self._included = _Included()

    def take(self) -> str:
        """Return the checksum in hexadecimal. Raises ConfigError where a file cannot be read."""
        source = _read(self._path, "YAML file")
        if source != self._source:
            self._included, self._source = self._read_included(source), source
        total = hashlib.sha256(source)
        for kind, patterns in (
            ("r", self._included.rule_files),
            ("s", self._included.scrape_config_files),
        ):
            for pattern in patterns:
                for path in self._matches(pattern):
                    total.update(f"{kind}\0{path}\0".encode("utf-8", "surrogateescape"))
                    total.update(_read(path, f"file {path}") + b"\0")
        return total.hexdigest()

    def _read_included(self, source: bytes) -> _Included:
        """Read the two lists, whatever else the file has."""
        decoding = Decoding(source, self._path)
        included = decoding.read(_Included)
        for fault in decoding.faults:
            if fault.path[:1] in {(), *((key,) for key in _Included.__struct_fields__)}:
                raise ConfigError(f"error unmarshalling YAML: {fault.message}")
        return included

    def _matches(self, pattern: str) -> list[str]:
        directory = Path(self._path).absolute().parent
        try:
            return glob(os.path.normpath(directory / pattern))
        except BadPattern as exc:
            raise ConfigError(f"error finding files with pattern {quote(pattern)}: {exc}") from exc


def _read(path: str, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        reason = (exc.strerror or "").lower()
        raise ConfigError(f"error reading {what}: open {path}: {reason}") from exc
