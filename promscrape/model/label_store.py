"""Chooses the store of label sets: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.model._label_store_py import LabelStore
else:
    from promscrape.model._label_store_c import LabelStore

__all__ = ["LabelStore"]
