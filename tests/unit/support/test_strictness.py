"""The rules of tests/conftest.py, proved on tests that break them."""

import re
from pathlib import Path

import pytest

from tests.support.skips import read_allowed_skips

ROOT = Path(__file__).parents[3]
OPTIONS = ("-p", "no:randomly", "-o", "asyncio_default_fixture_loop_scope=function")

BROKEN_RULES = """
import asyncio
import time
from pathlib import Path

import promscrape
import pytest

# Code that the watch takes for promscrape's own, by its file name.
own = {"time": time}
own_file = Path(promscrape.__file__).with_name("sleeper.py")
exec(compile("def block(): time.sleep(0)", str(own_file), "exec"), own)


async def fail():
    raise ValueError("nobody looked")


async def test_leftover_task():
    left = asyncio.create_task(asyncio.Event().wait(), name="scrape:left")


async def test_unretrieved_exception():
    await asyncio.wait([asyncio.create_task(fail())])


async def test_blocking_call():
    own["block"]()


@pytest.mark.may_block
async def test_blocking_call_on_purpose():
    own["block"]()


async def test_ended_task():
    task = asyncio.create_task(asyncio.sleep(0))


async def test_which_loop():
    loop = asyncio.get_running_loop()
    print("loop is", type(loop).__module__.partition(".")[0], loop.get_debug())
"""


def test_each_broken_rule_fails_its_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leak that no test sees becomes a leak in the daemon; and a clean test must not suffer."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(BROKEN_RULES)
    rules = (*OPTIONS, "-p", "tests.conftest", "-o", "asyncio_mode=auto")
    printed = pytester.runpytest_subprocess(*rules, "-rA", "--event-loop=both").stdout.str()

    outcomes = set(
        re.findall(r"^(PASSED|FAILED|ERROR) \S+::test_(\w+)\[asyncio\]", printed, re.MULTILINE)
    )
    assert outcomes == {
        ("PASSED", "leftover_task"),  # the body passes, and the teardown then fails the test
        ("ERROR", "leftover_task"),
        ("PASSED", "unretrieved_exception"),
        ("ERROR", "unretrieved_exception"),
        ("FAILED", "blocking_call"),
        ("PASSED", "blocking_call_on_purpose"),
        ("PASSED", "ended_task"),
        ("PASSED", "which_loop"),
    }
    assert "left behind: <Task pending name='scrape:left'" in printed
    assert "ValueError('nobody looked')" in printed
    assert "Blocking call to time.sleep" in printed
    assert {"loop is uvloop False", "loop is asyncio True"} <= set(printed.splitlines())


SKIPS = """
import pytest

def test_that_runs():
    pass

@pytest.mark.parametrize("loop", ["a", "b"])
def test_that_is_skipped(loop):
    pytest.skip("no such program")

@pytest.mark.xfail
def test_that_fails_as_expected():
    assert False
"""


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        pytest.param("set()", pytest.ExitCode.TESTS_FAILED, id="not listed"),
        pytest.param(
            "{'test_skips.py::test_that_is_skipped[a]'}",
            pytest.ExitCode.TESTS_FAILED,
            id="one of two",
        ),
        pytest.param(
            "{'test_skips.py::test_that_is_skipped'}", pytest.ExitCode.OK, id="listed by name"
        ),
    ],
)
def test_a_skipped_test_fails_the_run_unless_it_is_listed(
    pytester: pytest.Pytester, allowed: str, status: pytest.ExitCode
) -> None:
    """A peer that is not installed must not turn an end-to-end suite into a green nothing."""
    pytester.makeconftest(
        "from tests.support.skips import SkipGate\n"
        f"def pytest_configure(config): config.pluginmanager.register(SkipGate({allowed}))"
    )
    pytester.makepyfile(test_skips=SKIPS)
    result = pytester.runpytest_inprocess(*OPTIONS)

    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    assert result.ret == status
    assert ("no such program" in result.stdout.str()) == (status != pytest.ExitCode.OK)


def test_a_line_of_the_skip_list_needs_a_reason(tmp_path: Path) -> None:
    """A list of bare names would grow without anybody having to think."""
    listed = tmp_path / "allowed_skips.txt"
    listed.write_text("# what may be skipped\n\ntests/a.py::test_x[a b]  # needs IPv6\n")
    assert read_allowed_skips(listed) == {"tests/a.py::test_x[a b]"}

    listed.write_text("tests/a.py::test_x\n")
    with pytest.raises(pytest.UsageError, match=r"allowed_skips\.txt:1: a skip needs its reason"):
        read_allowed_skips(listed)


def test_the_projects_own_skip_list_can_be_read() -> None:
    """It is read on CI only, which would be late to find a typing error in it."""
    read_allowed_skips(ROOT / "tests" / "allowed_skips.txt")
