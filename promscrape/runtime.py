"""How many CPUs and how much memory the process may use: the container's limits, not the host's.

Everything that is sized by the machine (thread pools, the ceiling for bodies, queues) is sized by
`Limits`. The rules, the environment variables and the sentences for the log are those of
automaxprocs 1.6 and automemlimit 0.7, which Prometheus uses, with one difference: Go asks the
scheduler for as many threads as the quota says, here the CPUs that the process may run on cap it.

Where there are no control groups (macOS), the machine's own values hold.
"""

import os
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Generic, Self, TypeVar

import msgspec

from promscrape import cgroup

UNLIMITED_BYTES = (1 << 63) - 1
"""What Go calls no memory limit, and what the log and the API print for it."""

_COUNT = re.compile(r"[+-]?[0-9]{1,20}")
_GO_SIZE = re.compile(r"([0-9]{1,20})(?:([KMGT]i)?B)?")
_SHIFTS = {None: 0, "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}

T_co = TypeVar("T_co", covariant=True)


class Source(StrEnum):
    """Where a limit was read."""

    ENVIRONMENT = "environment"
    CGROUP_V2 = "cgroup v2"
    CGROUP_V1 = "cgroup v1"
    SYSTEM = "system"


_CGROUP_SOURCES = {1: Source.CGROUP_V1, 2: Source.CGROUP_V2}


class Message(msgspec.Struct, frozen=True):
    """A line for the log; whoever asked for the limits writes it."""

    component: str
    event: str
    attributes: Mapping[str, str | int] = {}
    warning: bool = False


class Limits(msgspec.Struct, frozen=True):
    """What the process may use.

    cpus: at least 1.
    memory_bytes: what to stay below, or None where no limit is wanted.
    """

    cpus: int
    memory_bytes: int | None
    cpu_source: Source
    memory_source: Source
    messages: tuple[Message, ...] = ()


class Host(msgspec.Struct, frozen=True):
    """What the machine says of itself.

    cpus: those that this process may run on.
    root: the directory that holds /proc and /sys.
    """

    cpus: int
    memory_bytes: int
    page_bytes: int
    root: Path = Path("/")

    @classmethod
    def current(cls) -> Self:
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        # Linux alone tells which CPUs the process is bound to (taskset, cpuset).
        on_linux = sys.platform == "linux"
        cpus = len(os.sched_getaffinity(0)) if on_linux else os.cpu_count() or 1
        return cls(cpus, os.sysconf("SC_PHYS_PAGES") * page_bytes, page_bytes)


class _Reading(msgspec.Struct, Generic[T_co], frozen=True):
    value: T_co
    source: Source
    messages: tuple[Message, ...] = ()


def detect(
    *,
    adjust_cpus: bool = True,
    memory_ratio: float | None = 0.9,
    environ: Mapping[str, str] = os.environ,
    host: Host | None = None,
) -> Limits:
    """Return the limits of this process; a file that cannot be read or understood is a warning.

    adjust_cpus: follow the CPU quota, as `--auto-gomaxprocs` asks.
    memory_ratio: the part in (0, 1] of the detected memory to stay below; None for no limit.
    """
    host = host or Host.current()
    cpus = _cpus(host, environ, adjust=adjust_cpus)
    memory = _memory(host, environ, memory_ratio)
    messages = (*cpus.messages, *memory.messages)
    if memory.value is not None and memory.source is not Source.ENVIRONMENT:
        messages = (*messages, _updated(memory.value, UNLIMITED_BYTES))
    return Limits(cpus.value, memory.value, cpus.source, memory.source, messages)


def refresh(
    limits: Limits,
    *,
    memory_ratio: float,
    environ: Mapping[str, str] = os.environ,
    host: Host | None = None,
) -> Limits:
    """Return `limits` with the memory limit as it is now, and only the messages about a change."""
    memory = _memory(host or Host.current(), environ, memory_ratio)
    warnings = tuple(message for message in memory.messages if message.warning)
    if memory.value is None or memory.value == limits.memory_bytes:
        return msgspec.structs.replace(limits, messages=warnings)
    previous_bytes = UNLIMITED_BYTES if limits.memory_bytes is None else limits.memory_bytes
    return msgspec.structs.replace(
        limits,
        memory_bytes=memory.value,
        memory_source=memory.source,
        messages=(*warnings, _updated(memory.value, previous_bytes)),
    )


def _cpus(host: Host, environ: Mapping[str, str], *, adjust: bool) -> _Reading[int]:
    wanted = environ.get("GOMAXPROCS")
    if wanted is not None:
        honored = _cpu_message(f'Honoring GOMAXPROCS="{wanted}" as set in environment')
        # Go passes over a number that it cannot use.
        if _COUNT.fullmatch(wanted) and int(wanted) > 0:
            return _Reading(int(wanted), Source.ENVIRONMENT, (honored,))
        return _Reading(host.cpus, Source.SYSTEM, (honored,))
    if not adjust:
        return _Reading(host.cpus, Source.SYSTEM)
    try:
        own = cgroup.membership(host.root)
        quota = cgroup.cpu_quota(own) if own else None
    except (OSError, ValueError) as exc:
        failed = _warning("automaxprocs", "Failed to set GOMAXPROCS automatically", exc)
        return _Reading(host.cpus, Source.SYSTEM, (failed,))
    if quota is None:
        left = _cpu_message(f"Leaving GOMAXPROCS={host.cpus}: CPU quota undefined")
        return _Reading(host.cpus, Source.SYSTEM, (left,))
    return _cpus_of_quota(quota, host.cpus)


def _cpus_of_quota(quota: cgroup.Limit, host_cpus: int) -> _Reading[int]:
    cpus = min(max(quota.value, 1), host_cpus)
    reason = "determined from CPU quota" if quota.value else "using minimum allowed GOMAXPROCS"
    message = _cpu_message(f"Updating GOMAXPROCS={cpus}: {reason}")
    return _Reading(cpus, _CGROUP_SOURCES[quota.version], (message,))


def _memory(
    host: Host, environ: Mapping[str, str], ratio: float | None
) -> _Reading[int] | _Reading[None]:
    wanted, automatic = environ.get("GOMEMLIMIT"), environ.get("AUTOMEMLIMIT")
    if wanted is not None:
        return _memory_of_environment(wanted)
    if ratio is None:
        return _Reading(None, Source.SYSTEM)
    if automatic == "off":
        skipped = Message("automemlimit", "AUTOMEMLIMIT is set to off, skipping")
        return _Reading(None, Source.ENVIRONMENT, (skipped,))
    try:
        ratio = ratio if automatic is None else _parse_ratio(automatic)
    except ValueError as exc:
        return _Reading(None, Source.SYSTEM, (_memory_failure(exc),))
    available = _available_memory(host)
    return _Reading(int(ratio * available.value), available.source, available.messages)


def _memory_of_environment(wanted: str) -> _Reading[int] | _Reading[None]:
    skipped = Message("automemlimit", "GOMEMLIMIT is already set, skipping", {"GOMEMLIMIT": wanted})
    if wanted == "off":
        return _Reading(None, Source.ENVIRONMENT, (skipped,))
    size = _GO_SIZE.fullmatch(wanted)
    if size is None:
        malformed = ValueError(f"malformed GOMEMLIMIT: {wanted}")
        return _Reading(None, Source.SYSTEM, (_memory_failure(malformed),))
    return _Reading(int(size[1]) << _SHIFTS[size[2]], Source.ENVIRONMENT, (skipped,))


def _parse_ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        raise ValueError(f"cannot parse AUTOMEMLIMIT: {text}") from None
    if not 0 < ratio <= 1:
        raise ValueError(f"AUTOMEMLIMIT={text} is not in the range (0.0,1.0]")
    return ratio


def _available_memory(host: Host) -> _Reading[int]:
    """Return the memory that the control group allows, else the machine's."""
    try:
        own = cgroup.membership(host.root)
        limit = cgroup.memory_limit(own, host.page_bytes) if own else None
    except (OSError, ValueError) as exc:
        event = "Failed to read the container's memory limit, using the machine's memory"
        return _Reading(host.memory_bytes, Source.SYSTEM, (_warning("automemlimit", event, exc),))
    if limit is None:
        return _Reading(host.memory_bytes, Source.SYSTEM)
    return _Reading(limit.value, _CGROUP_SOURCES[limit.version])


def _cpu_message(event: str) -> Message:
    return Message("automaxprocs", event)


def _memory_failure(exc: Exception) -> Message:
    return _warning("automemlimit", "Failed to set GOMEMLIMIT automatically", exc)


def _warning(component: str, event: str, exc: Exception) -> Message:
    return Message(component, event, {"err": str(exc)}, warning=True)


def _updated(memory_bytes: int, previous_bytes: int) -> Message:
    attributes = {"GOMEMLIMIT": memory_bytes, "previous": previous_bytes}
    return Message("automemlimit", "GOMEMLIMIT is updated", attributes)
