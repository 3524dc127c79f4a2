"""Requests to one destination of remote write: the network's side of the seam in `outcome.py`.

Sections 1 and 5 of the remote-write specification.
"""

import asyncio
import base64
import os
from collections.abc import Awaitable, Mapping
from typing import Final, final

import aiohttp
from multidict import CIMultiDict
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.errors import ConfigError, FetchError
from promscrape.httpclient.answer import AnswerReader, UnusualAnswer
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.credentials import check_header
from promscrape.httpclient.plain import PlainRequest, fields_of
from promscrape.httpclient.redirect import first_hop
from promscrape.model.secret import MASK
from promscrape.storage.remote.config import RemoteWriteConfig, WriteMessage
from promscrape.storage.remote.outcome import Counts, Outcome, Verdict
from promscrape.storage.remote.response import Answer, outcome_of
from promscrape.storage.remote.signing.choice import signer_for

MAX_SAID_BYTES: Final = 1024
"""How much of an error's body is kept."""

# What is read of a longer body, so that its connection can serve the next request.
_DRAINED_BYTES = 4 << 20

_ATTEMPT = "Retry-Attempt"

_PROTOCOL: Final[Mapping[WriteMessage, Mapping[str, str]]] = {
    WriteMessage.V1: {
        "Content-Encoding": "snappy",
        # Without the message's name, because old receivers compare the text.
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    WriteMessage.V2: {
        "Content-Encoding": "snappy",
        "Content-Type": f"application/x-protobuf;proto={WriteMessage.V2}",
        "X-Prometheus-Remote-Write-Version": "2.0.0",
    },
}


@final
class WriteClient:
    """Implements `promscrape.storage.remote.outcome.Sender` over HTTP, and owns connections.

    To be made and closed on one event loop. Raises ConfigError where the section cannot be
    obeyed. A URL of a scheme that nobody speaks is no such case: its requests fail, and are
    to be tried again (1.3).

    log: where failed requests of the second version go with `failed_request_logging`.
    """

    def __init__(
        self,
        config: RemoteWriteConfig,
        user_agent: str,
        *,
        clock: Clock,
        log: FilteringBoundLogger,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        assert config.url is not None  # without one, the section does not load
        self._url = config.url.reveal()
        self._headers = {message: _headers(message, config.headers) for message in WriteMessage}
        try:
            first_hop("POST", self._url, {}, None)
        except FetchError as exc:
            raise ConfigError(f"url of remote_write cannot be requested: {exc}") from exc
        self._timeout_s = config.remote_timeout.seconds
        self._retries_429 = config.queue_config.retry_on_http_429
        self._logs_failed = config.failed_request_logging
        self._clock, self._log = clock, log
        self._is_closed = False
        # The last answer with its head, and the last one that was a success, with what it meant.
        self._last: tuple[bytes, Answer | None] = b"", None
        self._accepted: tuple[Answer, WriteMessage, Outcome] | None = None
        self._http = HTTPClient(
            config.http_client,
            user_agent,
            clock=clock,
            environ=environ,
            signer=signer_for(config, user_agent, clock=clock, environ=environ),
            round_robin_dns=config.round_robin_dns,
        )

        self._plain = self._plain_requests()

    async def close(self) -> None:
        """Close all connections; requests under way fail, as those of later do."""
        self._is_closed = True
        await self._http.close()

    async def send(
        self, body: bytes, *, version: WriteMessage, attempt: int, counts: Counts
    ) -> Outcome:
        """See `Sender.send`."""
        try:
            answer = await self._request(body, version, attempt)
        except FetchError as exc:
            outcome = Outcome(Verdict.RETRY, error=str(exc))
        else:
            outcome = self._outcome(answer, version, counts)
        if self._logs_failed and version is WriteMessage.V2 and outcome.error:
            self._note(outcome, len(body), attempt, counts)
        return outcome

    def _outcome(self, answer: Answer, version: WriteMessage, counts: Counts) -> Outcome:
        known = self._accepted
        if known is not None and answer is known[0] and version is known[1]:
            return known[2]
        outcome = outcome_of(
            answer,
            version=version,
            counts=counts,
            now_ns=self._clock.now_ns(),
            retries_429=self._retries_429,
        )
        # Whether the second version's batch was accepted may hang on what was sent, unless some
        # of it was written.
        if outcome.verdict is Verdict.ACCEPTED and (
            version is WriteMessage.V1 or outcome.written.items
        ):
            self._accepted = answer, version, outcome
        return outcome

    def _plain_requests(self) -> dict[WriteMessage, PlainRequest]:
        """Return the requests of the versions that need no full client, all lines but a few."""
        client = self._http.plain()
        if client is None:
            return {}
        prepared = {
            message: client.prepare(self._url, headers, "POST")
            for message, headers in self._headers.items()
            if _ATTEMPT not in headers
        }
        return {message: request for message, request in prepared.items() if request}

    async def _request(self, body: bytes, version: WriteMessage, attempt: int) -> Answer:
        """Return the answer within `remote_timeout`. Raises FetchError."""
        deadline_s = asyncio.get_running_loop().time() + self._timeout_s
        headers = self._headers[version]
        if attempt:
            headers = CIMultiDict(headers)
            headers[_ATTEMPT] = str(attempt)
        plain, client = self._plain.get(version), self._http.plain()
        if plain is None or client is None:
            return await self._fully(self._http.post(self._url, headers, body), deadline_s)
        fields = b"%b: %d\r\n" % (_ATTEMPT.encode(), attempt) if attempt else b""
        reader = AnswerReader(MAX_SAID_BYTES, _DRAINED_BYTES)
        try:
            await client.post(plain, body, reader, self._timeout_s, fields)
        except UnusualAnswer:
            # The peer may have the body and gets it again this once, as after a cut connection.
            self._plain.clear()
            return await self._fully(self._http.post(self._url, headers, body), deadline_s)
        except FetchError as exc:
            if isinstance(exc.__cause__, TimeoutError):
                raise self._late() from exc
            if self._is_closed:
                raise self._closed() from exc
            raise
        further = self._http.redirected(self._url, headers, reader.status, reader.location, body)
        return (
            self._answer(plain, reader)
            if further is None
            else await self._fully(further, deadline_s)
        )

    def _answer(self, request: PlainRequest, reader: AnswerReader) -> Answer:
        """Return the very same answer where the same came again, as most do within a second."""
        said = reader.body.decode(errors="replace")
        if said:
            said = _without_credentials(said, fields_of(request.head))
        head, (last_head, last) = reader.head, self._last
        if last is not None and head == last_head and said == last.said:
            return last
        answer = Answer(reader.status, reader.reason, fields_of(head), said)
        self._last = head, answer
        return answer

    async def _fully(
        self, answering: Awaitable[aiohttp.ClientResponse], deadline_s: float
    ) -> Answer:
        """Do as `_request` with what the full client gives."""
        try:
            async with asyncio.timeout_at(deadline_s):
                answer = await answering
        except TimeoutError as exc:
            raise self._late() from exc
        except RuntimeError as exc:
            # aiohttp's word for a client that was closed while a token was waited for.
            if not self._is_closed:
                raise
            raise self._closed() from exc
        said = await _said(answer, deadline_s)
        return Answer(answer.status, answer.reason or "", answer.headers, said)

    def _late(self) -> FetchError:
        return FetchError(
            f"no response within remote_timeout ({self._timeout_s:g}s): context deadline exceeded"
        )

    def _closed(self) -> FetchError:
        return FetchError("the client was closed: its section has changed")

    def _note(self, outcome: Outcome, size: int, attempt: int, counts: Counts) -> None:
        self._log.debug(
            "Remote write request failed",
            status=outcome.status,
            attempt=attempt,
            bytes=size,
            samples=counts.samples,
            histograms=counts.histograms,
            exemplars=counts.exemplars,
            written=outcome.written.items,
            err=outcome.error,
        )


def _headers(message: WriteMessage, own: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers of a version's requests. Raises ConfigError."""
    headers = CIMultiDict(_PROTOCOL[message])
    for name, value in own.items():
        try:
            headers[name] = check_header(name, value)
        except FetchError as exc:
            raise ConfigError(f"headers of remote_write cannot be sent: {exc}") from exc
    return headers


async def _said(answer: aiohttp.ClientResponse, deadline_s: float) -> str:
    """Read a body to its end, keep its beginning, and give the connection back.

    A body that does not end in time, or is endless, costs its connection.
    """
    kept, size = bytearray(), 0
    try:
        async with asyncio.timeout_at(deadline_s):
            async for part in answer.content.iter_any():
                kept += part[: MAX_SAID_BYTES - len(kept)]
                size += len(part)
                if size > _DRAINED_BYTES:
                    answer.close()
                    break
    except (TimeoutError, aiohttp.ClientError):
        answer.close()  # the status has come, and is all that decides
    finally:
        answer.release()
    return _without_credentials(kept.decode(errors="replace"), answer.request_info.headers)


def _without_credentials(text: str, sent: Mapping[str, str]) -> str:
    """Mask what a peer repeats of the credentials that it was sent."""
    kind, _, credentials = sent.get("Authorization", "").partition(" ")
    if not credentials:
        return text
    text = text.replace(credentials, MASK)
    if kind == "Basic":
        password = base64.b64decode(credentials).decode(errors="replace").partition(":")[2]
        text = text.replace(password, MASK) if password else text
    return text
