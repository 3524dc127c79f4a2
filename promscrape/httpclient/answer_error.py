"""What ends the reading of an answer early, and how long its head may be."""

from typing import Final

HEAD_BYTES: Final = 8190
"""As much as the full client takes in one header."""


class UnusualAnswer(Exception):
    """The bytes are for a full HTTP client to judge."""


class BodyTooLarge(Exception):
    """The body is over the caller's limit."""
