"""What a loop remembers, seen from what it asks for again."""

import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.exposition.entries import LabelPairs
from promscrape.model.labels import Labels
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.scrape.limits import SeriesRules
from tests.support.scraping import OneTarget, markers, values

DROP_B = RelabelConfig(source_labels=("__name__",), regex=Regex("b"), action=RelabelAction.DROP)


async def test_what_is_known_of_a_text_is_not_worked_out_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """C2, C3, C7: kept series and dropped ones alike, by their text alone."""
    seen: list[str] = []
    resolve = SeriesRules.resolve

    def noted(self: SeriesRules, exposed: LabelPairs) -> Labels | None:
        seen.append(exposed[0][1])
        return resolve(self, exposed)

    monkeypatch.setattr(SeriesRules, "resolve", noted)
    target = OneTarget(ScrapeConfig(job_name="j", metric_relabel_configs=(DROP_B,)))
    for _ in range(3):
        assert values(await target.scrape(b"a 1\nb 1\n")) == {"a": 1}
    assert seen == ["a", "b"]
    await target.scrape(b"a 1\nb{} 1\n")
    assert seen == ["a", "b", "b"]


async def test_each_scrape_is_compared_with_the_one_before_it() -> None:
    """C4, C9: what came back meanwhile is no longer gone, and is marked when it goes again."""
    target = OneTarget()
    gone = [
        markers(await target.scrape(body))
        for body in (b"a 1\nb 1\n", b"a 1\n", b"a 1\nb 1\n", b"b 1\n", b"b 1\n")
    ]
    assert gone == [set(), {"b"}, set(), {"a"}, set()]


async def test_samples_too_far_ahead_count_against_the_limit() -> None:
    """S11: the sample limit is asked before the guard against the future."""
    target = OneTarget(ScrapeConfig(job_name="j", sample_limit=1))
    far_ms = target.clock.now_ns() // 1_000_000 + 20 * 60_000
    assert await target.scrape(f"a 1 {far_ms}\nb 1\n".encode()) == []
    assert target.error == "sample limit exceeded"


async def test_names_are_stored_as_they_were_exposed() -> None:
    """N3: how names are escaped is the target's business; nothing is undone here."""
    target = OneTarget()
    samples = await target.scrape(b'U__my_2e_metric{a_dot_b="1"} 1\n{"my.metric"} 2\n')
    assert values(samples) == {"U__my_2e_metric": 1, "my.metric": 2}
    assert samples[0].labels.get("a_dot_b") == "1"
