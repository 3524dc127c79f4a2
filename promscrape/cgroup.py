"""The limits of the process's Linux control group, versions 1 and 2, read under a given root.

Two files tell where to look. /proc/self/cgroup names the process's group in each hierarchy:

    hierarchy ":" [controller {"," controller}] ":" path       0::/path is version 2's one

and /proc/self/mountinfo where each hierarchy, or the part of it below `root`, is mounted:

    id parent device root mount-point options {tag} "-" type source super-options

Every function raises OSError or ValueError where a file cannot be read or understood.
Source: automaxprocs 1.6 internal/cgroups, automemlimit 0.7 memlimit/cgroups.go, cgroups(7).
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

_UNIFIED_MOUNT = "/sys/fs/cgroup"
_UNIFIED_CONTROLLER = ""
_DEFAULT_PERIOD_US = 100_000
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


class Limit(msgspec.Struct, frozen=True):
    """A limit and the version, 1 or 2, of the control groups that set it."""

    value: int
    version: int


class Mount(msgspec.Struct, frozen=True):
    """What cgroups need of a line of mountinfo."""

    root: str
    point: str
    type: str
    options: frozenset[str]

    @classmethod
    def parse(cls, line: str) -> Self:
        own, _, filesystem = line.partition(" - ")
        left, right = own.split(" "), filesystem.split(" ", 2)
        if len(left) < 6 or len(right) < 3:
            raise ValueError(f"malformed line in mountinfo: {line}")
        return cls(left[3], left[4], right[0], frozenset(right[2].split(",")))

    def directory_of(self, group: str) -> str:
        """Return the directory of a group, which may lie outside what is mounted."""
        relative = posixpath.relpath(group, self.root)
        if relative == ".." or relative.startswith("../"):
            raise ValueError(f"invalid cgroup path: {group} is not under root {self.root}")
        return posixpath.normpath(posixpath.join(self.point, relative))


class Membership(msgspec.Struct, frozen=True):
    """The groups that the process is in, by controller, and where they are mounted."""

    system_root: Path
    mounts: Sequence[Mount]
    groups: Mapping[str, str]

    def mount_of(self, type_: str, controller: str | None = None) -> Mount | None:
        """Return the first mount of the type, of version 1 the one that has the controller."""
        for mount in self.mounts:
            if mount.type == type_ and (controller is None or controller in mount.options):
                return mount
        return None

    def read(self, directory: str, name: str) -> str | None:
        """Return the text of a group's file, None where there is no such file."""
        try:
            return (self.system_root / directory.lstrip("/") / name).read_text()
        except FileNotFoundError:
            return None


def membership(system_root: Path) -> Membership | None:
    """Return what /proc says of this process; None where there are no control groups."""
    process = system_root / "proc" / "self"
    try:
        mountinfo = (process / "mountinfo").read_text()
        groups = (process / "cgroup").read_text()
    except FileNotFoundError:
        return None
    mounts = [Mount.parse(line) for line in mountinfo.splitlines()]
    return Membership(system_root, mounts, _parse_groups(groups))


def _parse_groups(text: str) -> dict[str, str]:
    groups = {}
    for line in text.splitlines():
        fields = line.split(":", 2)
        if len(fields) != 3:
            raise ValueError(f"malformed line in /proc/self/cgroup: {line}")
        groups.update(dict.fromkeys(fields[1].split(","), fields[2]))
    return groups


def cpu_quota(own: Membership) -> Limit | None:
    """Return the CPUs that the quota gives, rounded down (so 0 is possible); None for no quota."""
    group = own.groups.get(_UNIFIED_CONTROLLER)
    unified = any(m.type == "cgroup2" and m.point == _UNIFIED_MOUNT for m in own.mounts)
    if unified and group is not None:
        quota = _cpu_quota_v2(own, posixpath.normpath(f"{_UNIFIED_MOUNT}/{group}"))
        return None if quota is None else Limit(quota, 2)
    quota = _cpu_quota_v1(own)
    return None if quota is None else Limit(quota, 1)


def _cpu_quota_v2(own: Membership, directory: str) -> int | None:
    # The quota of a parent binds as well, but the reference reads the leaf alone.
    text = own.read(directory, "cpu.max")
    if text is None:
        return None
    match text.partition("\n")[0].split():
        case ["max"] | ["max", _]:
            return None
        case [quota]:
            return _integer("cpu.max", quota) // _DEFAULT_PERIOD_US
        case [quota, period] if _integer("cpu.max", period) > 0:
            return _integer("cpu.max", quota) // _integer("cpu.max", period)
    raise ValueError(f"cpu.max has an invalid format: {text!r}")


def _cpu_quota_v1(own: Membership) -> int | None:
    mount, group = own.mount_of("cgroup", "cpu"), own.groups.get("cpu")
    if mount is None or group is None:
        return None
    directory = mount.directory_of(group)
    quota_us = _integer_of(own, directory, "cpu.cfs_quota_us")
    if quota_us <= 0:
        return None
    period_us = _integer_of(own, directory, "cpu.cfs_period_us")
    return quota_us // period_us if period_us > 0 else None


def memory_limit(own: Membership, page_bytes: int) -> Limit | None:
    """Return the bytes that the group and its parents allow; None for no limit."""
    has_v1 = own.mount_of("cgroup") is not None
    if own.mount_of("cgroup2") is not None:
        try:
            limit_bytes = _memory_limit_v2(own)
        except (OSError, ValueError):
            if not has_v1:
                raise
        else:
            if limit_bytes is not None:
                return Limit(limit_bytes, 2)
    if not has_v1:
        return None
    limit_bytes = _memory_limit_v1(own, page_bytes)
    return None if limit_bytes is None else Limit(limit_bytes, 1)


def _memory_limit_v2(own: Membership) -> int | None:
    mount, group = own.mount_of("cgroup2"), own.groups.get(_UNIFIED_CONTROLLER)
    if mount is None or group is None:
        raise ValueError("cgroup v2 path not found")
    directory, limits = mount.directory_of(group), []
    while True:
        text = own.read(directory, "memory.max")
        if text is not None and text.strip() != "max":
            limits.append(_integer("memory.max", text.strip()))
        if directory in (mount.point, "/"):
            return min(limits, default=None)
        directory = posixpath.dirname(directory)


def _memory_limit_v1(own: Membership, page_bytes: int) -> int | None:
    mount, group = own.mount_of("cgroup", "memory"), own.groups.get("memory")
    if mount is None or group is None:
        raise ValueError("cgroup v1 path or mountpoint for memory controller not found")
    directory = mount.directory_of(group)
    limits = [_integer_of(own, directory, "memory.limit_in_bytes")]
    for line in (own.read(directory, "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "hierarchical_memory_limit":
            limits.append(_integer("memory.stat", value))
    # The kernel says "no limit" with the largest number of whole pages.
    none_bytes = (2**63 - 1) // page_bytes * page_bytes
    limit_bytes = min(limits)
    return None if limit_bytes >= none_bytes else limit_bytes


def _integer_of(own: Membership, directory: str, name: str) -> int:
    text = own.read(directory, name)
    if text is None:
        raise ValueError(f"{directory}/{name} is missing")
    return _integer(name, text.strip())


def _integer(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{name} holds {text!r} where a number belongs")
    return int(text)
