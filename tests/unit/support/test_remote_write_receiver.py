"""The receiver that judges the sender is judged here: it takes what is right and says what is not."""

import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any

import cramjam
import pytest
from aiohttp import ClientError, ClientSession

from tests.support.remote_write.faults import CUT, LOSE, TRUNCATE, answer, partly
from tests.support.remote_write.message import NAN_BITS, STALE_BITS, WireSample, bits_of, decoded
from tests.support.remote_write.receiver import Receiver
from tests.support.remote_write.schema import RequestV2, WriteRequest

T1 = bytes.fromhex("0a1d0a0d0a085f5f6e616d655f5f12016d120c09000000000000f03f10e807")
T3 = bytes.fromhex("220022085f5f6e616d655f5f22016d2a140a020102120c09000000000000f03f10e8072a00")
T4 = bytes.fromhex(
    "220022085f5f6e616d655f5f22076d5f746f74616c220468656c7022077365636f6e64732a140a020102120610e8"
    "0718f4032a06080118032004"
)
V1 = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "User-Agent": "promscrape/1",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
V2 = {
    **V1,
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
M = (("__name__", "m"),)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def post(
    receiver: Receiver, message: bytes, headers: Mapping[str, str] = V1
) -> tuple[int, Mapping[str, str]]:
    body = bytes(cramjam.snappy.compress_raw(message))
    async with (
        ClientSession() as session,
        session.post(receiver.url, data=body, headers=headers) as response,
    ):
        return response.status, response.headers


def v2(symbols: list[str], refs: list[int], *, samples: int = 1) -> Any:
    request: Any = RequestV2()
    request.symbols.extend(symbols)
    series = request.timeseries.add()
    series.labels_refs.extend(refs)
    for number in range(samples):
        series.samples.add(value=1, timestamp=1000 + number)
    return request


def v1(*labels: tuple[str, str], bits: int = 0, times: tuple[int, ...] = (1000,)) -> bytes:
    request: Any = WriteRequest()
    series = request.timeseries.add()
    for name, value in labels:
        series.labels.add(name=name, value=value)
    for t_ms in times:
        series.samples.add(value=struct.unpack("<d", bits.to_bytes(8, "little"))[0], timestamp=t_ms)
    return bytes(request.SerializeToString())


@pytest.mark.parametrize(
    ("message", "headers"), [pytest.param(T1, V1, id="1.0"), pytest.param(T3, V2, id="2.0")]
)
async def test_what_is_right_is_taken(
    receiver: Receiver, message: bytes, headers: Mapping[str, str]
) -> None:
    """T1, T3: the specification's own bytes."""
    status, said = await post(receiver, message, headers)
    assert (status, said["X-Prometheus-Remote-Write-Samples-Written"]) == (204, "1")
    assert receiver.faults == []
    assert receiver.series == {M: [WireSample(1000, bits_of(1.0))]}


def test_all_of_a_message_of_the_second_version_is_read() -> None:
    """T4: start timestamp, type, help and unit."""
    (series,) = decoded(T4, 2).series
    assert series.name == "m_total"
    assert series.samples == [WireSample(1000, 0, 500)]
    assert (series.metadata.kind, series.metadata.help, series.metadata.unit) == (
        1,
        "help",
        "seconds",
    )


def test_a_message_of_the_other_version_is_an_empty_one() -> None:
    """T11: neither version's fields have numbers of the other's."""
    assert decoded(T1, 2).series == []
    assert decoded(T1, 2).symbols == []
    assert decoded(T3, 1).series == []


@pytest.mark.parametrize("bits", [STALE_BITS, NAN_BITS, 0x7FF0000000000000, 1 << 63])
async def test_bits_arrive_as_they_were_sent(receiver: Receiver, bits: int) -> None:
    """T6, T7: the library and Python keep a signaling NaN as long as nobody reckons with it."""
    await post(receiver, v1(*M, bits=bits))
    assert receiver.faults == []
    assert receiver.of("m")[0].bits == bits


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        pytest.param(v1(("b", "1"), ("a", "1"), *M), "do not ascend", id="order"),
        pytest.param(v1(("a", "1"), ("a", "1"), *M), "do not ascend", id="twice"),
        pytest.param(v1(*M, ("a", "")), "an empty label name or value", id="empty"),
        pytest.param(v1(("a", "1")), "no metric name", id="nameless"),
        pytest.param(v1(*M, ("é", "1")), "label name 'é'", id="label-name"),
        pytest.param(v1(("__name__", "a b")), "metric name 'a b'", id="metric-name"),
        pytest.param(v1(*M, times=(2000, 1000)), "timestamps that do not ascend", id="time"),
        pytest.param(v1(*M, bits=0x7FF8000000000002), "a NaN of bits 7ff8000000000002", id="nan"),
        pytest.param(T3 + T1, "unknown field 4 in prometheus.WriteRequest", id="unknown-field"),
    ],
)
async def test_what_is_wrong_in_the_first_version_is_said(
    receiver: Receiver, message: bytes, fault: str
) -> None:
    """Remote write 2, 4.4, 4.5."""
    await post(receiver, message)
    assert any(fault in found for found in receiver.faults), receiver.faults


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        pytest.param(v2(["x", "__name__", "m"], [1, 2]), "symbols[0] is ['x']", id="symbol-0"),
        pytest.param(v2([], []), "symbols[0] is []", id="no-symbols"),
        pytest.param(
            v2(["", "__name__", "m", "m"], [1, 2]), "symbols more than once: ['m']", id="repeated"
        ),
        pytest.param(v2(["", "__name__", "m"], [1, 3]), "reference 3 into 3", id="beyond"),
        pytest.param(v2(["", "__name__", "m"], [1, 2, 1]), "an odd number", id="odd"),
        pytest.param(v2(["", "__name__", "m"], [1, 2], samples=0), "neither samples", id="none"),
        pytest.param(
            v2(["", "__name__", "m", "a"], [1, 2, 3, 0]), "an empty label", id="empty-value"
        ),
    ],
)
async def test_what_is_wrong_in_the_second_version_is_said(
    receiver: Receiver, message: Any, fault: str
) -> None:
    """Remote write 3.1 to 3.5."""
    await post(receiver, message.SerializeToString(), V2)
    assert any(fault in found for found in receiver.faults), receiver.faults


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        pytest.param({"Content-Encoding": "x"}, "Content-Encoding 'x'", id="encoding"),
        pytest.param({"Content-Type": "text/plain"}, "Content-Type 'text/plain'", id="type"),
        pytest.param({"User-Agent": "x"}, "User-Agent 'x'", id="agent"),
        pytest.param({"Retry-Attempt": "0"}, "Retry-Attempt '0'", id="attempt"),
        pytest.param(
            {"X-Prometheus-Remote-Write-Version": "2.0.0"},
            "X-Prometheus-Remote-Write-Version '2.0.0' with version 1",
            id="version",
        ),
    ],
)
async def test_headers_that_are_wrong_are_said(
    receiver: Receiver, changes: Mapping[str, str], fault: str
) -> None:
    """Remote write section 1."""
    await post(receiver, T1, {**V1, **changes})
    assert fault in receiver.faults


async def test_a_body_that_is_none_is_said(receiver: Receiver) -> None:
    """Remote write 1.2."""
    async with (
        ClientSession() as session,
        session.post(receiver.url, data=b"\xff\x06\x00\x00sNaPpYxx", headers=V1) as response,
    ):
        assert response.status == 400
    assert "the framed format of snappy" in receiver.faults
    assert any(fault.startswith("a body that cannot be read") for fault in receiver.faults)


async def test_a_script_is_followed(receiver: Receiver) -> None:
    """Each request meets what was written down for it, those after the last are served."""
    receiver.script += [answer(503, "later", Retry_After="2"), partly(1)]
    status, headers = await post(receiver, T1)
    assert (status, headers["Retry-After"], receiver.series) == (503, "2", {})
    status, headers = await post(receiver, v1(*M, times=(1, 2)))
    assert headers["X-Prometheus-Remote-Write-Samples-Written"] == "1"
    assert [sample.t_ms for sample in receiver.of("m")] == [1]
    assert (await post(receiver, T1))[0] == 204


@pytest.mark.parametrize(
    ("fault", "taken"),
    [
        pytest.param(CUT, 0, id="cut"),
        pytest.param(LOSE, 1, id="lose"),
        pytest.param(TRUNCATE, 0, id="truncate"),
    ],
)
async def test_connections_end_as_they_are_told_to(
    receiver: Receiver, fault: Any, taken: int
) -> None:
    """A request whose answer is lost is taken; one that is cut is not."""
    receiver.script.append(fault)
    with pytest.raises(ClientError):
        await post(receiver, T1)
    assert len(receiver.series) == taken


async def test_series_can_be_refused(receiver: Receiver) -> None:
    """As by a receiver that cannot append one sample: the request is not taken."""
    receiver.refuses = lambda series: "no m" if series.name == "m" else ""
    assert (await post(receiver, T1))[0] == 400
    assert (await post(receiver, v1(("__name__", "n"))))[0] == 204
    assert receiver.names() == {"n"}


async def test_disorder_is_told_from_repeats(receiver: Receiver) -> None:
    """A batch that is sent again is harmless; an old sample that is new is not."""
    for t_ms in (1, 2, 1, 2, 3):
        await post(receiver, v1(*M, times=(t_ms,)))
    assert receiver.disorder() == []
    await post(receiver, v1(*M, times=(0,)))
    assert receiver.disorder() == ["0 after 3 in {'__name__': 'm'}"]
