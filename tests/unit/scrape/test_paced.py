"""Very large bodies, written in parts: the same samples as in one piece, and others get a turn."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.config.tolerance import OnBadLine, OnSampleLimit
from promscrape.errors import FetchError, StorageError
from promscrape.model import _pieces_py
from promscrape.model.regex import Regex
from promscrape.model.sample import float_bits
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.scrape import cache, paced, work
from promscrape.scrape.client import Response
from promscrape.storage.interface import AppendCode
from tests.support.scraping import Answer, OneTarget, markers, values

JOB = ScrapeConfig(job_name="j")
DROP_B = RelabelConfig(source_labels=("__name__",), regex=Regex("b"), action=RelabelAction.DROP)


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every body be a large one, and two or three samples a part and a piece."""
    monkeypatch.setattr(work, "OFF_LOOP_BYTES", 0)
    monkeypatch.setattr(work, "PACED_SAMPLES", -1)
    monkeypatch.setattr(cache, "_SAMPLES_A_PART", 3)
    monkeypatch.setattr(cache, "_NEW_SERIES_A_PART", 2)
    monkeypatch.setattr(cache, "_RESOLVED_A_STEP", 1)
    monkeypatch.setattr(paced, "_MARKERS_A_PART", 2)
    monkeypatch.setattr(_pieces_py, "PIECE", 2)


def body(names: str, value: int = 1) -> bytes:
    return "".join(f"{name} {value}\n" for name in names).encode()


SCRAPES: dict[str, tuple[ScrapeConfig, Sequence[Answer]]] = {
    "steady": (JOB, [body("abcdefgh", round_) for round_ in range(4)]),
    "changing": (
        JOB,
        [body("abcdefgh"), body("hgab"), body("abcxyz"), body("a"), body("abcdefgh")],
    ),
    "empty": (JOB, [body("abcde"), b"", body("abcde"), FetchError("x"), body("abcd")]),
    "repeated": (JOB, [b"m 1\nm 2\nn 1\nm 3\no 1\n", b"m 2\nn 1\nm 3\no 1\n"]),
    "timestamps": (JOB, [b"a 1 1000\nb 2\nc 3 3000\nd 4\n", b"a 2 2000\nb 2\nc 4 4000\n", b""]),
    "dropped": (
        msgspec.structs.replace(JOB, metric_relabel_configs=(DROP_B,)),
        [body("abcdefgh"), body("bacb"), body("abcdefgh")],
    ),
    "limited": (
        msgspec.structs.replace(JOB, sample_limit=4, on_sample_limit=OnSampleLimit.KEEP_KNOWN),
        [body("cdef"), body("abcdefgh"), body("abcdefgh"), body("abc")],
    ),
    "bad lines": (
        msgspec.structs.replace(JOB, on_bad_line=OnBadLine.SKIP),
        [b"a 1\nb ?\nc 1\nd 1\n", b"a 1\nb 1\n? 1\nd 1\n", body("abcd")],
    ),
}


async def committed(config: ScrapeConfig, answers: Sequence[Answer]) -> list[object]:
    """Return what each scrape committed, whatever the order, and what it reported."""
    target = OneTarget(config)
    found: list[object] = []
    for answer in answers:
        samples = await target.scrape(answer)
        found.append(sorted((str(s.labels), s.t_ms, float_bits(s.value)) for s in samples))
        names = ("up", "scrape_samples_scraped", "scrape_series_added")
        found.append([target.reported(name) for name in names])
        found.append(target.reported("scrape_samples_post_metric_relabeling"))
    return found


@pytest.mark.parametrize("name", SCRAPES)
async def test_parts_make_the_same_whole(name: str, request: pytest.FixtureRequest) -> None:
    """L4, C4, C8: samples, markers and counts of one scrape after the other."""
    config, answers = SCRAPES[name]
    whole = await committed(config, answers)
    request.getfixturevalue("in_parts")
    assert await committed(config, answers) == whole


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize(
    "bad", [b"a 1\nb 1\nc 1\n%%%\n", b'a 1\nb 1\nc{x="1",x="2"} 1\n'], ids=["line", "label"]
)
async def test_what_is_wrong_with_a_body_is_known_before_its_first_part(bad: bytes) -> None:
    """L10, L29: nothing of it is stored; the series that it did not reach are marked."""
    target = OneTarget()
    await target.scrape(body("abcdef"))
    failed = await target.scrape(bad)
    assert values(failed) == {}
    assert markers(failed) >= {"d", "e", "f"}
    assert target.reported("up") == 0
    assert values(await target.scrape(body("abcdef"))).keys() == set("abcdef")


@pytest.mark.usefixtures("in_parts")
async def test_a_limit_is_held_before_the_first_part() -> None:
    """S14: also the samples under it are not stored."""
    target = OneTarget(msgspec.structs.replace(JOB, sample_limit=4))
    assert await target.scrape(body("abcdef")) == []
    assert target.error == "sample limit exceeded"
    assert target.reported("scrape_samples_scraped") == 6


@pytest.mark.usefixtures("in_parts")
async def test_refused_samples_are_counted_over_all_parts() -> None:
    """L26: and the others are kept."""
    target = OneTarget()
    target.storage.refuse = {"a": AppendCode.OUT_OF_ORDER, "f": AppendCode.OUT_OF_ORDER}
    assert values(await target.scrape(body("abcdef"))).keys() == set("bcde")
    assert target.counted("scrapes_sample_out_of_order") == 2


@pytest.mark.usefixtures("in_parts")
async def test_handles_may_be_taken_back_between_two_parts() -> None:
    """C16: the parts that follow are found again by their labels."""
    target = OneTarget()
    for _ in range(3):
        await target.scrape(body("abcdefgh"))
    take, parts = target.storage.take, 0

    def taking(samples: list[object]) -> None:
        nonlocal parts
        take(samples)  # type: ignore[arg-type]
        parts += 1
        if parts == 1:
            target.storage.take_back_handles()

    target.storage.take = taking  # type: ignore[method-assign, assignment]
    assert values(await target.scrape(body("abcdefgh", 2))) == dict.fromkeys("abcdefgh", 2)
    assert values(await target.scrape(body("abcdefgh", 3))) == dict.fromkeys("abcdefgh", 3)
    assert markers(await target.scrape(b"")) == set("abcdefgh")


@pytest.mark.usefixtures("in_parts")
async def test_exemplars_go_with_the_part_of_their_sample() -> None:
    """S19: by the places of the part, cold and warm."""
    target = OneTarget()
    lines = "".join(f'{name} 1 # {{id="{name}"}} 1 5\n' for name in "abcdefgh")
    for _ in range(3):
        target.storage.exemplars.clear()
        answer = Response(f"{lines}# EOF\n".encode(), "application/openmetrics-text")
        await target.scrape(answer)
        found = [(s.get("__name__"), e.labels.get("id")) for s, e in target.storage.exemplars]
        assert found == [(name, name) for name in "abcdefgh"]


@pytest.mark.usefixtures("in_parts")
async def test_converted_histograms_go_with_their_part() -> None:
    """S25: the histogram stands where its last line stood."""
    switched = {"__convert_classic_histograms_to_nhcb__": "true"}
    one = '# TYPE {0} histogram\n{0}_bucket{{le="+Inf"}} 2\n{0}_sum 3\n{0}_count 2\n{0}x 1\n'
    answer = "".join(one.format(name) for name in "abcd").encode()
    target = OneTarget(JOB, switched)
    for _ in range(2):
        await target.scrape(answer)
    kinds = [(s.name, s.histogram is not None) for s in target.storage.scraped()[-8:]]
    assert sorted(kinds) == [(f"{n}{x}", not x) for n in "abcd" for x in ("", "x")]


@pytest.mark.usefixtures("in_parts")
async def test_a_storage_that_fails_in_the_middle_fails_the_scrape() -> None:
    """L29: what stands is said not to be the whole."""
    target = OneTarget()
    target.storage.broken = {"e": StorageError("broken")}
    await target.scrape(body("abcdef"))
    assert (target.error, target.reported("up")) == ("broken", 0)


@pytest.mark.usefixtures("in_parts")
async def test_others_get_a_turn_between_the_parts() -> None:
    """A scrape of many parts passes through the event loop many times."""
    target, turns = OneTarget(), 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    await target.scrape(body("abcdefghij"))
    task.cancel()
    assert turns >= 10


@pytest.mark.usefixtures("in_parts")
async def test_a_removed_target_is_marked_in_parts() -> None:
    """L30: all its series, and those of the report, at one time."""
    target = OneTarget()
    target.client.answers.append(body("abcde"))
    running = asyncio.create_task(target.loop.run())
    await target.clock.advance(10)
    target.loop.stop()
    before = len(target.storage.transactions)
    await target.clock.advance(30)
    await running
    ending = target.storage.transactions[before:]
    assert [len(part) for part in ending[:-1]] == [2, 2, 1]
    marked = [sample for part in ending for sample in part]
    assert markers(marked) == set("abcde") | {
        s.name for s in target.storage.transactions[before - 1]
    }
    assert len({sample.t_ms for sample in marked}) == 1


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("answer", [b"", FetchError("down"), body("a")], ids=str)
async def test_what_follows_a_large_body_is_marked_in_parts(answer: Answer) -> None:
    """C8: it is down, or came back with a few series."""
    target = OneTarget()
    await target.scrape(body("abcdef"))
    before = len(target.storage.transactions)
    assert markers(await target.scrape(answer)) >= set("bcdef")
    assert len(target.storage.transactions) > before + 3
