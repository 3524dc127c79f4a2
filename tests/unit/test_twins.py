"""The choice between the compiled core and the plain one."""

import os
import subprocess
import sys

import pytest

from promscrape import twins

TELL = "from promscrape import twins; print(twins.CORE, twins.WHY_PLAIN, sep='|')"
RECORD = "from promscrape.storage.wal import record; print(record.SampleLayout.__module__)"


def told(code: str, **environ: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environ}, check=True, capture_output=True
    )
    return result.stdout.decode().strip()


def test_the_environment_can_ask_for_the_plain_core() -> None:
    """To compare the two on one machine; the choice is never silent."""
    assert told(TELL, PROMSCRAPE_PURE_PYTHON="1") == (
        "python|the environment sets PROMSCRAPE_PURE_PYTHON"
    )
    assert told(RECORD, PROMSCRAPE_PURE_PYTHON="1").endswith("_record_py")


def test_a_missing_module_means_the_plain_core_throughout() -> None:
    """A machine without a compiler installs all the same, and is told what it runs."""
    hide = (
        "import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name: None if name.endswith('_record_c') else find(name);"
    )
    core, reason = told(hide + TELL, PROMSCRAPE_PURE_PYTHON="").split("|")
    assert core == "python"
    assert "_record_c was not built" in reason


@pytest.mark.skipif(not twins.COMPILED, reason="the compiled core is not there")
def test_the_compiled_core_runs_where_it_was_built() -> None:
    """Without being asked for."""
    assert told(TELL, PROMSCRAPE_PURE_PYTHON="") == "cython|"
    assert told(RECORD, PROMSCRAPE_PURE_PYTHON="").endswith("_record_c")
