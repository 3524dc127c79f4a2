"""Chooses what is done to many label sets at once: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.model._label_columns_py import (
        hold_all,
        keep_all,
        keep_with,
        repeats_any_name,
        values_of,
    )
else:
    from promscrape.model._label_columns_c import (
        hold_all,
        keep_all,
        keep_with,
        repeats_any_name,
        values_of,
    )

__all__ = ["hold_all", "keep_all", "keep_with", "repeats_any_name", "values_of"]
