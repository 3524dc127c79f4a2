"""An HTTP API that answers as a test says, for providers that ask for lists.

api = FakeAPI({"/v2/apps": {"apps": []}})
async with api, api.discovering(KIND, "server: '{url}'") as found: ...
"""

import functools
import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import final

import msgspec
from aiohttp import web

from promscrape.discovery.kind import AnyKind
from promscrape.discovery.target_group import TargetGroup
from tests.support.clock import ManualClock
from tests.support.discovery import Discovered, discovering
from tests.support.entries import entry_of, until
from tests.support.faults import Fault, Faults
from tests.support.http_server import Entered, RecordingServer

FAILURES = (
    Fault.ERROR,
    Fault.HANG,
    Fault.CUT,
    Fault.GARBAGE,
    Fault.WRONG_SHAPE,
)
"""What a provider has to live through, whatever it asks."""


@final
class FakeAPI(Entered):
    """Answers on loopback.

    answers: by path, or by path and query as they are encoded, which comes first; a number is a
        status, a text or bytes stand as they are, a function is called, anything else is JSON. A
        path that is not there is 404.
    demands: headers that a request has to have; another is answered 401.
    """

    def __init__(
        self, answers: Mapping[str, object], demands: Mapping[str, str] | None = None
    ) -> None:
        self.answers, self.demands = dict(answers), dict(demands or {})
        self.faults = Faults(self._answer)
        self.server = RecordingServer(self.faults)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def paths(self) -> list[str]:
        return [request.raw_path for request in self.server.requests]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if any(request.headers.get(name) != value for name, value in self.demands.items()):
            return web.json_response({"message": "Unable to authenticate you"}, status=401)
        answer = self.answers.get(request.raw_path, self.answers.get(request.path))
        if callable(answer):
            response: web.StreamResponse = await answer(request)
            return response
        match answer:
            case None:
                return web.json_response({"message": "not found"}, status=404)
            case int():
                return web.Response(status=answer)
            case str() | bytes():
                return web.Response(body=answer, content_type="application/xml")
            case _:
                return web.json_response(answer)

    @asynccontextmanager
    async def discovering(
        self, kind: AnyKind, text: str = "", clock: ManualClock | None = None
    ) -> AsyncIterator[Discovered]:
        """Run a provider. Its entry has `{url}` for where the API is, or it knows that: a `base`."""
        entry = entry_of(kind, text.replace("{url}", self.url))
        if "base" in inspect.signature(kind.make).parameters:
            make = functools.partial(kind.make, base=self.url)  # type: ignore[call-arg]  # theirs
            kind = msgspec.structs.replace(kind, make=make)
        async with discovering(kind, entry, clock) as found:
            yield found

    async def group(self, kind: AnyKind, text: str = "") -> TargetGroup:
        """Return the one group that a provider publishes first."""
        async with self.discovering(kind, text) as found:
            (group,) = await found.published.update(1)
        return group

    async def targets(self, kind: AnyKind, text: str = "") -> list[dict[str, str]]:
        """Return the targets of the one group that a provider publishes first."""
        return [dict(target) for target in (await self.group(kind, text)).targets]

    async def check_failure(self, kind: AnyKind, text: str, fault: Fault, where: str = "") -> None:
        """Assert that a failure is counted and keeps the targets, and that the next refresh heals."""
        async with self.discovering(kind, f"{text}, refresh_interval: 100ms") as found:
            await found.published.update(1)
            addresses = found.published.addresses
            assert addresses
            self.faults.active, self.faults.where = fault, where
            await until(lambda: found.refresh_failures)
            before = len(found.published.updates)
            assert found.published.addresses == addresses
            self.faults.active = None
            await until(lambda: len(found.published.updates) > before)

    async def check_refused(self, kind: AnyKind, text: str, *secrets: str) -> None:
        """Assert that access that is refused is told, without what it was asked with."""
        self.demands["X-Nobody-Has"] = "this"
        async with self.discovering(kind, text) as found:
            await until(lambda: found.logs.entries)
            told = str(found.logs.entries)
        assert "HTTP status 401 Unauthorized" in told
        assert not [secret for secret in secrets if secret in told]
        assert not found.published.updates
