"""Chooses what makes the elements of rows that come again: the compiled twin, or the plain one."""

from typing import TYPE_CHECKING

from promscrape.storage.remote._template_py import elements_of
from promscrape.twins import COMPILED

if TYPE_CHECKING or not COMPILED:
    from promscrape.storage.remote._template_py import END_MS, FIRST_MS, REACH, Template
else:
    from promscrape.storage.remote._template_c import END_MS, FIRST_MS, REACH, Template

__all__ = ["END_MS", "FIRST_MS", "REACH", "Template", "elements_of"]
