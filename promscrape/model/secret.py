"""A text that is never shown: a password, a token, a private key."""

from typing import Final, Self, final

MASK: Final = "<secret>"


@final
class Secret:
    """Prints as `<secret>` wherever it ends up; only `reveal` gives the text.

    Two secrets are equal where their texts are, so that a changed one is taken over.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text)

    def reveal(self) -> str:
        """Return the text, for the one place that needs it."""
        return self._text

    def __bool__(self) -> bool:
        """Whether there is a text at all."""
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return MASK
