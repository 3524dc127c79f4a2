"""Which twins of the hot loops this process runs: the compiled ones, or the plain ones.

All or none: a process that mixes them could not say in one word what it runs.
"""

import os
import sys
from importlib.util import find_spec

_COMPILED_MODULES = (
    "promscrape.exposition._change_c",
    "promscrape.exposition._decimal_c",
    "promscrape.exposition._new_series_c",
    "promscrape.exposition._plain_line_c",
    "promscrape.exposition._scanner_c",
    "promscrape.exposition._series_text_c",
    "promscrape.exposition._target_memory_c",
    "promscrape.exposition._walk_c",
    "promscrape.httpclient._answer_c",
    "promscrape.model._label_columns_c",
    "promscrape.model._label_store_c",
    "promscrape.model._pieces_c",
    "promscrape.storage.remote._encode_c",
    "promscrape.storage.remote._template_c",
    "promscrape.storage.wal._record_c",
    "promscrape.storage.wal._timestamps_c",
    *(["promscrape.httpclient._exchange_c"] if sys.platform == "linux" else []),
)


def _why_plain() -> str:
    """Return why the plain twins run, "" where the compiled ones do."""
    if os.environ.get("PROMSCRAPE_PURE_PYTHON"):
        return "the environment sets PROMSCRAPE_PURE_PYTHON"
    missing = [name for name in _COMPILED_MODULES if find_spec(name) is None]
    return f"{missing[0]} was not built when promscrape was installed" if missing else ""


WHY_PLAIN = _why_plain()
COMPILED = not WHY_PLAIN

CORE = "cython" if COMPILED else "python"
"""The `core` of `promscrape_build_info`."""
