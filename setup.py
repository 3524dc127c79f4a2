"""The extension modules; everything else about the build stands in pyproject.toml."""

import os
import sys

from Cython.Compiler import Options
from setuptools import Extension, setup

# A newer Cython may warn of more: that shall fail our own checks, and nobody's installation.
Options.warning_errors = bool(os.environ.get("CI"))


def compiled(module: str) -> Extension:
    """Return a compiled twin. Where there is no C compiler the plain twins are installed alone."""
    extension = Extension(
        module,
        [module.replace(".", "/") + ".pyx"],
        optional=True,
        extra_compile_args=["-O3", "-fno-strict-aliasing"],
    )
    extension.cython_c_in_temp = True
    return extension


setup(
    # Each module is a C compiler's run of many seconds: one a processor at a time.
    options={"build_ext": {"parallel": True}},
    ext_modules=[
        compiled("promscrape.exposition._change_c"),
        compiled("promscrape.exposition._decimal_c"),
        compiled("promscrape.exposition._new_series_c"),
        compiled("promscrape.exposition._plain_line_c"),
        compiled("promscrape.exposition._scanner_c"),
        compiled("promscrape.exposition._series_text_c"),
        compiled("promscrape.exposition._target_memory_c"),
        compiled("promscrape.exposition._walk_c"),
        compiled("promscrape.httpclient._answer_c"),
        # It is about what only Linux has, and nothing needs it.
        *([compiled("promscrape.httpclient._exchange_c")] if sys.platform == "linux" else []),
        compiled("promscrape.model._label_columns_c"),
        compiled("promscrape.model._label_store_c"),
        compiled("promscrape.model._pieces_c"),
        compiled("promscrape.storage.remote._encode_c"),
        compiled("promscrape.storage.remote._template_c"),
        compiled("promscrape.storage.wal._record_c"),
        compiled("promscrape.storage.wal._timestamps_c"),
    ],
)
