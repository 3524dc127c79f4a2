from collections.abc import Iterable
from typing import final

from promscrape.exposition.columns import Columns
from promscrape.exposition.text_format import TextFormat

@final
class TextScanner:
    size_bytes: int
    def __len__(self) -> int: ...
    def scan(
        self, body: bytes, text_format: TextFormat = ..., *, skip_bad_lines: bool = False
    ) -> Columns: ...
    def retain(self, ids: Iterable[int]) -> list[int]: ...
