"""A value that its type, or its section of the configuration, refuses."""

from typing import final


@final
class InvalidValue(ValueError):
    """The text is Prometheus's own where it has one.

    at: where below the refused value the fault lies, as keys and indexes; () is the value.
    on_key: the fault is the last key of `at`, not what it maps to.
    hint: the remedy, for people, where there is one to name.
    """

    def __init__(
        self, message: str, *, at: tuple[str | int, ...] = (), on_key: bool = False, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.at, self.on_key, self.hint = at, on_key, hint
