"""Targets from an HTTP server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import final

import pytest
from aiohttp import web

from promscrape.discovery.http import KIND, HttpSDConfig, decimal
from promscrape.httpclient.auth import BasicAuth
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from tests.support.clock import ManualClock
from tests.support.discovery import USER_AGENT, Discovered, discovering
from tests.support.http_server import RecordingServer

THREE = '[{"targets": ["a:1"]}, {"targets": ["b:2"]}, {"targets": ["c:3"]}]'
ONE = '[{"targets": ["a:1"]}]'
TWO = '[{"targets": ["a:1", "d:4"]}, {"targets": ["b:2"]}]'


@final
class Lists:
    """A server that gives one answer after the other, and the clock of who asks."""

    def __init__(self, *answers: web.Response | str) -> None:
        self.answers = list(answers)
        self.clock = ManualClock()
        self.server = RecordingServer(self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/moved":
            return web.Response(status=301, headers={"Location": "/"})
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            return web.Response(text=answer, content_type="application/json")
        return answer

    @asynccontextmanager
    async def discovering(
        self, path: str = "/", interval_ms: int = 60_000, client: HTTPClientConfig | None = None
    ) -> AsyncIterator[Discovered]:
        async with self.server:
            config = HttpSDConfig(
                url=URL(self.server.url + path),
                refresh_interval=Duration(interval_ms),
                http_client=client or HTTPClientConfig(),
            )
            async with discovering(KIND, config, self.clock) as discovered:
                yield discovered

    async def answered(self, discovered: Discovered, number: int) -> None:
        """Let time pass until this many answers have been taken."""
        labels = {"mechanism": "http", "config": "job"}
        async with asyncio.timeout(10):
            while discovered.counted("refresh_duration_seconds_count", **labels) != number:
                await self.clock.advance(1)
                await asyncio.sleep(0.001)


async def test_groups_are_named_by_the_url_and_their_position() -> None:
    """H-1, H-5, test 42: by the configured one even after a redirect; three headers go along."""
    lists = Lists('[{"targets": ["a:1"], "labels": {"x": "y", "__meta_url": "z"}}, {}]')
    async with lists.discovering("/moved", 500) as discovered:
        groups = await discovered.published.update(1)
        url = f"{lists.server.url}/moved"
        assert [(group.source, group.labels) for group in groups] == [
            (f"{url}:0", {"x": "y", "__meta_url": url}),
            (f"{url}:1", {"__meta_url": url}),
        ]
        assert lists.server.sent("Accept") == ["application/json"] * 2
        assert lists.server.sent("User-Agent") == [USER_AGENT] * 2
        assert lists.server.sent("X-Prometheus-Refresh-Interval-Seconds") == ["0.5"] * 2
        assert discovered.counted("http_failures_total") == 0


@pytest.mark.parametrize(
    ("ms", "text"), [(60_000, "60"), (500, "0.5"), (1, "0.001"), (10**12, "1000000000")]
)
def test_the_interval_is_told_in_seconds(ms: int, text: str) -> None:
    """H-1: the shortest decimal, without an exponent."""
    assert decimal(Duration(ms).seconds) == text


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        'Application/JSON;Charset="utf-8"',
        "application/json;  charset=UTF-8",
        "  application/json ",
    ],
)
async def test_a_content_type_of_json_is_taken(content_type: str) -> None:
    """H-3, test 43."""
    lists = Lists(web.Response(body=ONE.encode(), headers={"Content-Type": content_type}))
    async with lists.discovering() as discovered:
        await discovered.published.update(1)
        assert discovered.published.addresses == ["a:1"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json;",
        "application/json ; charset=utf-8",
        "application/jsonl",
        "application/json; charset=UTF-9",
        "application/json; charset='utf-8'",
        "application/json; charset=utf-8; q=1",
        "text/plain",
    ],
)
async def test_any_other_content_type_is_refused(content_type: str) -> None:
    """H-3, H-7, test 43: an error page is no list of targets."""
    lists = Lists(web.Response(body=ONE.encode(), headers={"Content-Type": content_type}))
    async with lists.discovering() as discovered:
        await lists.answered(discovered, 1)
        assert discovered.counted("http_failures_total") == 1
        assert "unsupported content type" in str(discovered.logs.entries[0]["err"])
        assert discovered.published.updates == []


async def test_a_shorter_list_empties_the_positions_that_are_gone() -> None:
    """H-6, test 44: once; what was said to be gone is not said again."""
    lists = Lists(THREE, ONE, TWO)
    async with lists.discovering() as discovered:
        await lists.answered(discovered, 3)
        url = f"{lists.server.url}/"
        assert discovered.published.sources == [
            [f"{url}:0", f"{url}:1", f"{url}:2"],
            [f"{url}:0", f"-{url}:1", f"-{url}:2"],
            [f"{url}:0", f"{url}:1"],
        ]
        assert discovered.published.addresses == ["a:1", "b:2", "d:4"]


async def test_a_failure_keeps_what_was_there() -> None:
    """H-6, test 45: and the next list is compared with the last good one."""
    lists = Lists(THREE, web.Response(status=500), ONE)
    async with lists.discovering() as discovered:
        await lists.answered(discovered, 2)
        assert discovered.published.addresses == ["a:1", "b:2", "c:3"]
        assert discovered.refresh_failures == 1
        await lists.answered(discovered, 3)
        assert len(discovered.published.updates) == 2
        assert discovered.published.addresses == ["a:1"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (204, "server returned HTTP status 204 No Content"),
        (301, "server returned HTTP status 301 Moved Permanently"),
        (400, "server returned HTTP status 400 Bad Request"),
        ("{}", "Expected `array | null`, got `object`"),
        ("[null]", "nil target group item found (index 0)"),
        ('[{"targets": [1]}]', "Expected `str`, got `int`"),
        ('[{"targets": [], "foo": 1}]', "Object contains unknown field `foo`"),
        ('[{"labels": {"": "a"}}]', '"" is not a valid label name'),
        ("[", "Input data was truncated"),
        ("[" * 5000, ""),
    ],
)
async def test_what_is_no_list_of_groups_is_one_failure(answer: int | str, error: str) -> None:
    """H-2, H-4, H-7, T-4, T-6, test 46: counted twice over, and the old targets stay."""
    location = {"Location": "/"}
    lists = Lists(
        ONE,
        answer if isinstance(answer, str) else web.Response(status=answer, headers=location),
    )
    client = HTTPClientConfig(follow_redirects=False)
    async with lists.discovering(client=client) as discovered:
        await lists.answered(discovered, 2)
        assert discovered.counted("http_failures_total") == 1
        assert discovered.refresh_failures == 1
        assert error in str(discovered.logs.entries[0]["err"])
        assert discovered.published.addresses == ["a:1"]


@pytest.mark.parametrize("text", ["null", "[]", '[{"Targets": null, "LABELS": null}]'])
async def test_nothing_can_be_written_in_several_ways(text: str) -> None:
    """T-3, T-6, H-4: null is an empty list, keys may be null, and their case does not matter."""
    lists = Lists(ONE, text)
    async with lists.discovering() as discovered:
        await lists.answered(discovered, 2)
        assert discovered.published.addresses == []
        assert discovered.counted("http_failures_total") == 0


async def test_a_server_that_does_not_answer_is_given_up_at_the_interval() -> None:
    """B-6: the request is over before the next one is due."""
    lists = Lists()
    answering = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        await answering.wait()
        return web.Response()

    lists.server.answer = hang
    async with lists.discovering(interval_ms=50) as discovered:
        await lists.answered(discovered, 1)
        answering.set()
        assert "no whole answer within the refresh_interval of 0.05s" in str(
            discovered.logs.entries[0]["err"]
        )
        assert discovered.counted("http_failures_total") == 1


async def test_a_server_that_is_not_there_is_a_failure() -> None:
    """H-7: with the address in the text, and without the password."""
    config = HttpSDConfig(url=URL("http://user:hunter2@127.0.0.1:1/x"))
    async with discovering(KIND, config, ManualClock()) as discovered, asyncio.timeout(10):
        while discovered.refresh_failures != 1:
            await asyncio.sleep(0.001)
        text = str(discovered.logs.entries[0]["err"])
        assert "127.0.0.1:1" in text
        assert "hunter2" not in text


async def test_credentials_are_sent_and_do_not_become_labels() -> None:
    """H-1, +http: a password in the URL is masked in sources and labels, a deviation."""
    lists = Lists(ONE)
    client = HTTPClientConfig(basic_auth=BasicAuth(username="u", password=Secret("hunter2")))
    async with lists.discovering(client=client) as discovered:
        await discovered.published.update(1)
        assert lists.server.sent("Authorization") == ["Basic dTpodW50ZXIy"]
    lists = Lists(ONE)
    async with lists.server:
        url = lists.server.url.replace("://", "://u:hunter2@")
        config = HttpSDConfig(url=URL(url))
        async with discovering(KIND, config, ManualClock()) as discovered:
            groups = await discovered.published.update(1)
            assert "hunter2" not in str(groups)
            assert lists.server.sent("Authorization")[-1] == "Basic dTpodW50ZXIy"


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are bounded: an answer must not fill the memory of the process."""
    monkeypatch.setattr("promscrape.discovery.http._MAX_BYTES", 1 << 20)
    lists = Lists("[" + " " * (2 << 20) + "]")
    async with lists.discovering() as discovered:
        await lists.answered(discovered, 1)
        assert "the answer is larger than 1 MiB" in str(discovered.logs.entries[0]["err"])


async def test_a_long_list_is_read_beside_the_event_loop() -> None:
    """A body of megabytes must not hold up the scrapes of others."""
    targets = [f"host-{number}.example.org:9100" for number in range(30_000)]
    lists = Lists(json.dumps([{"targets": targets}]), "[{}, null" + " " * (1 << 20) + "]")
    async with lists.discovering() as discovered:
        (group,) = await discovered.published.update(1)
        assert len(group.targets) == 30_000
        await lists.answered(discovered, 2)
        assert discovered.counted("http_failures_total") == 1
