"""A secret of the configuration is in no log, page, API answer, error or repr.

The file secrets.yml sets every field that holds one to a word which these tests look for.
"""

import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from promscrape.config.dump import dump, dump_job
from promscrape.config.load import load, parse
from promscrape.config.root import ConfigFile
from promscrape.decode.decoding import Decoding
from promscrape.discovery.registry import KINDS
from promscrape.errors import ConfigError
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from promscrape.web.metrics import WebMetrics
from promscrape.web.options import WebOptions
from promscrape.web.routes import routes
from tests.support.command import run_command
from tests.support.peers import Launcher, Scraper, eventually
from tests.support.service import FakeService, flags

FILE = Path(__file__).parent / "secrets.yml"
TEXT = FILE.read_text()
# The first letters count, too: errors of YAML quote the beginning of a value.
SECRETS = re.compile("sw0rd|5e1f5")
LINES = [number for number, line in enumerate(TEXT.splitlines()) if SECRETS.search(line)]

# The server's part, which an agent refuses as a whole.
REFUSED = {"RemoteReadSection.url"}


def assert_kept(text: str, what: str = "") -> None:
    """Fail where a secret shows; the message has the line that it is in."""
    shown = [line for line in text.splitlines() if SECRETS.search(line)]
    assert not shown, f"{what}: {shown[0]}"


def sections(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """Yield a section's class and those of all sections that it can hold."""
    pending, seen = [kind], {kind}
    while pending:
        section = pending.pop()
        yield section
        for field in msgspec.structs.fields(section):
            held = {part for part in parts(field.type) if issubclass(part, msgspec.Struct)}
            pending += held - seen
            seen |= held


def parts(annotation: object) -> Iterator[type]:
    """Yield the classes that an annotation is made of."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from parts(argument)


def secret_fields() -> set[str]:
    """Return all fields that can hold a secret, as `Section.field`."""
    roots: list[type[msgspec.Struct]] = [ConfigFile, *(each.kind.config for each in KINDS)]
    return {
        f"{section.__name__}.{field.name}"
        for root in roots
        for section in sections(root)
        for field in msgspec.structs.fields(section)
        if not {Secret, URL}.isdisjoint(parts(field.type))
    }


def filled_fields(value: object, at: str = "") -> Iterator[str]:
    """Yield the fields below `value` that hold the secret."""
    if isinstance(value, Secret | URL) and SECRETS.search(value.reveal()):
        yield at
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from filled_fields(getattr(value, name), f"{type(value).__name__}.{name}")
    elif isinstance(value, Mapping):
        yield from filled_fields(tuple(value.values()), at)
    elif isinstance(value, tuple):
        for item in value:
            yield from filled_fields(item, at)


def test_the_file_sets_every_field_that_holds_a_secret() -> None:
    """Config 14: or the other tests would prove less than they say."""
    written = Decoding(TEXT.encode(), "c.yml").read(ConfigFile)
    assert set(filled_fields(written)) == secret_fields() - REFUSED


def test_no_dump_and_no_repr_shows_one() -> None:
    """Config 14: of the whole, of each job, and of what Python prints when it is asked to."""
    config = load(str(FILE))
    assert_kept(dump(config), "dump")
    assert_kept(repr(config), "repr")
    assert_kept(str(config), "str")
    for job in config.scrape_configs:
        assert_kept(dump_job(job), job.job_name)
    assert dump(config).count("<secret>") > 30
    assert "//user:xxxxx@127.0.0.1:1" in dump(config)


def test_no_command_shows_one() -> None:
    """Config 14: neither what is printed nor what is checked."""
    printed = run_command("print-config", str(FILE))
    assert printed.code == 0
    assert_kept(printed.out + printed.err, "print-config")
    checked = run_command("check", "config", "--lint=all", str(FILE))
    assert_kept(checked.out + checked.err, "check config")


def broken(line: str) -> Iterator[str]:
    """Yield what a line becomes by the mistakes that people make."""
    head, _, value = line.rpartition(" ")
    yield f"{head} [{value}]"
    yield f"{head} {{{value}: {value}}}"
    yield f'{head} "{value}'
    yield f"{head} {value}: {value}"
    yield f"{head}\t{value}"
    yield f"{line}\n{line}"
    yield f"{line}\n  {value}\n{value}"
    yield f"{head} !!int {value}"
    yield f"{head} !!binary {value}"
    yield f"{head} *{value}"
    yield f"{head} |\n{value}"
    yield line.replace(":", "x:", 1)
    yield line.replace(":", "", 1)
    yield line.replace("http://", "://").replace("https://", "://")
    yield line.replace("http://", "").replace("https://", "")
    yield line.replace("127.0.0.1:1", "a:b:c")
    yield line.replace("127.0.0.1:1", "%zz")


@pytest.mark.parametrize("number", LINES)
def test_no_error_shows_one(number: int) -> None:
    """Config 1.3, 1.5, 14: whatever is wrong with a line that has a secret, and around it."""
    lines = TEXT.splitlines()
    refused = 0
    for mistake in broken(lines[number]):
        text = "\n".join([*lines[:number], mistake, *lines[number + 1 :], ""])
        try:
            config = parse(text.encode(), "c.yml", {})
        except ConfigError as exc:
            refused += 1
            said = [str(exc), repr(exc), exc.report(), *map(repr, exc.problems)]
            said += traceback.format_exception(exc)
            for one in said:
                assert_kept(one, f"{mistake!r} ({exc})")
        else:
            assert_kept(dump(config), mistake)
    assert refused > 5


def get_paths(jobs: list[str]) -> list[str]:
    """Return each path that the daemon answers to a GET, with parameters where it takes some."""
    service, registry = FakeService(), CollectorRegistry()
    options = WebOptions.from_flags(flags())
    table = routes(service, options, registry, WebMetrics(registry))
    paths = [route.path for route in table if route.method == "GET" and "*" not in route.path]
    for job in jobs:
        paths += [
            f"/api/v1/scrape_pools/config?scrapePool={job}",
            f"/api/v1/targets/relabel_steps?scrapePool={job}&labels=%7B%7D",
            f"/api/v1/targets?scrapePool={job}",
            f"/targets?pool={job}",
        ]
    return paths


def wait_failed(daemon: Scraper) -> None:
    """Wait until every target was asked, in vain; their errors are what may tell too much."""

    def failed() -> bool:
        targets = daemon.targets()
        return len(targets) >= 4 and all(target.last_error for target in targets)

    eventually(failed, what="the failures")


def test_no_page_no_answer_and_no_log_shows_one(launcher: Launcher) -> None:
    """Config 14, service 43: of a daemon that reloads, fails to, scrapes in vain and ends."""
    daemon = launcher.promscrape(
        TEXT,
        flags=(
            "--log.level=debug",
            "--web.enable-lifecycle",
            "--scrape.discovery-reload-interval=100ms",
            "--storage.remote.flush-deadline=1s",  # of what nobody takes
        ),
    )
    wait_failed(daemon)
    jobs = [job.job_name for job in load(str(FILE)).scrape_configs]
    for path in get_paths(jobs):
        answer = daemon.get(path)
        assert_kept(answer.text + str(answer.headers), path)
    daemon.config_path.write_text(TEXT.replace("password: ", "password: [").replace("5e1f", "x"))
    refused = daemon.request("POST", "/-/reload")
    assert refused.status == 500
    assert_kept(refused.text, "reload")
    daemon.config_path.write_text(TEXT.replace("sw0rdfish", "sw0rdfish2"))
    assert daemon.request("POST", "/-/reload").status == 200
    wait_failed(daemon)
    assert daemon.stop() == 0
    assert "Scrape failed" in daemon.output()
    assert_kept(daemon.output(), "log")
