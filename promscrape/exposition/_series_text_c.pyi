from collections.abc import Iterable
from typing import final

@final
class AddedLabels:
    def __init__(self, pairs: Iterable[tuple[bytes, bytes]], *, honors: bool) -> None: ...
