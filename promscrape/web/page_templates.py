"""The templates of the pages, compiled when somebody first looks at one.

Few daemons are looked at. Jinja2 and the templates would be an eighth of each start, and 2.5 MiB
of memory.
"""

import asyncio
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from jinja2 import Template

_PACKAGE = "promscrape.web"


@final
class Templates:
    """The templates by their names. shared: what every page may name."""

    def __init__(self, shared: Mapping[str, object]) -> None:
        # Read at the start: an upgrade may replace the files while this version runs.
        folder = resources.files(_PACKAGE) / "templates"
        self._texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
        self._shared = shared
        self._compiled: Mapping[str, Template] = {}

    async def get(self, name: str) -> "Template":
        if not self._compiled:
            # It takes longer than the event loop should wait; two at once do it twice.
            self._compiled = await asyncio.to_thread(self._compile)
        return self._compiled[name]

    def _compile(self) -> "dict[str, Template]":
        # Imported late: see above.
        from jinja2 import DictLoader, Environment, StrictUndefined  # noqa: PLC0415

        environment = Environment(
            loader=DictLoader(self._texts),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(self._shared)
        return {name: environment.get_template(name) for name in self._texts}
