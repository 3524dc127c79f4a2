"""The section `storage`: settings of Prometheus's local storage, of which an agent heeds one."""

from collections.abc import Iterator
from typing import ClassVar, final

from promscrape.config.global_ import ByteSize
from promscrape.decode.schema import ConfigStruct
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.size import Size

_ENCODINGS = ("", "xor", "xor2")
_WHOLE = 100


@final
class ChunkEncodingConfig(ConfigStruct, frozen=True, kw_only=True):
    """How chunks are encoded in a server."""

    go_type: ClassVar[str] = "config.ChunkEncodingConfig"

    floats: str = ""


@final
class RetentionConfig(ConfigStruct, frozen=True, kw_only=True):
    """What a server keeps: so long, so much, or so much of the disk, in percent; 0 is no limit."""

    go_type: ClassVar[str] = "config.plain"

    time: Duration = Duration()
    size: ByteSize = Size()
    percentage: float = 0.0


@final
class TSDBConfig(ConfigStruct, frozen=True, kw_only=True):
    """The local storage.

    out_of_order_time_window: a sample may be this much older than the newest of its series.
    """

    go_type: ClassVar[str] = "config.plain"

    out_of_order_time_window: Duration = Duration()
    stale_series_compaction_threshold: float = 0.0
    chunk_encoding: ChunkEncodingConfig = ChunkEncodingConfig()
    retention: RetentionConfig = RetentionConfig()

    def check(self) -> Iterator[InvalidValue]:
        if self.chunk_encoding.floats not in _ENCODINGS:
            yield InvalidValue(
                "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must "
                f"be omitted entirely, got {quote(self.chunk_encoding.floats)}",
                at=("chunk_encoding", "floats"),
            )
        if self.retention.size.bytes < 0:
            yield InvalidValue(
                "'storage.tsdb.retention.size' must be greater than or equal to 0, "
                f"got {self.retention.size}",
                at=("retention", "size"),
            )
        percentage = self.retention.percentage
        if not 0 <= percentage <= _WHOLE:
            yield InvalidValue(
                "'storage.tsdb.retention.percentage' must be in the range [0, 100], "
                f"got {percentage:g}",
                at=("retention", "percentage"),
            )


@final
class ExemplarsConfig(ConfigStruct, frozen=True, kw_only=True):
    """How many exemplars a server keeps in memory."""

    go_type: ClassVar[str] = "config.ExemplarsConfig"

    max_exemplars: int = 0


@final
class StorageConfig(ConfigStruct, frozen=True, kw_only=True):
    """The section `storage`."""

    go_type: ClassVar[str] = "config.StorageConfig"

    tsdb: TSDBConfig = TSDBConfig()
    exemplars: ExemplarsConfig = ExemplarsConfig()
