"""Chooses what is done to whole columns, a piece at a time: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.model._pieces_py import pieces
from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.model._pieces_py import (
        absent,
        compressed,
        differing,
        has_zero,
        largest,
        marked,
        paged,
        picked,
        put,
        put_each,
        zeros,
    )
else:
    from promscrape.model._pieces_c import (
        absent,
        compressed,
        differing,
        has_zero,
        largest,
        marked,
        paged,
        picked,
        put,
        put_each,
        zeros,
    )

__all__ = [
    "absent",
    "compressed",
    "differing",
    "has_zero",
    "largest",
    "marked",
    "paged",
    "picked",
    "pieces",
    "put",
    "put_each",
    "zeros",
]
