from typing import final

@final
class AnswerReader:
    status: int
    keeps_alive: bool
    reason: str
    content_type: str
    encoding: str
    location: str
    head: bytes
    def __init__(self, most: int, drained: int = 0) -> None: ...
    @property
    def has_begun(self) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    def feed(self, data: bytes) -> bool: ...
