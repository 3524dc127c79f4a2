"""Which promscrape this is, and on what it runs.

The version is the installed distribution's. What only a build can know (the revision, when and
by whom it was built) it writes to promscrape/build.json before it makes the wheel:

    {"revision": "...", "branch": "...", "user": "...", "date": "20260102-15:04:05"}

Without that file, as in a checkout, these are unknown.
"""

import functools
import os
import platform
import resource
from collections.abc import Sequence
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from typing import Self

import msgspec

PROGRAM = "promscrape"
_UNKNOWN = "unknown"
_LABEL_WIDTH = 18
# Names of machines as Go spells them, for Prometheus's dashboards.
_GO_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class Build(msgspec.Struct, frozen=True):
    """What build.json says."""

    revision: str = _UNKNOWN
    branch: str = _UNKNOWN
    user: str = _UNKNOWN
    date: str = _UNKNOWN


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of Prometheus's version block, with Python's version beside Go's."""

    version: str
    revision: str
    branch: str
    build_user: str
    build_date: str
    python_version: str
    goos: str
    goarch: str

    @classmethod
    def current(cls, package: Traversable | None = None) -> Self:
        build = read_build(package or resources.files(PROGRAM))
        return cls(
            version=_installed_version(),
            revision=build.revision,
            branch=build.branch,
            build_user=build.user,
            build_date=build.date,
            python_version=platform.python_version(),
            goos=platform.system().lower(),
            goarch=_GO_MACHINES.get(platform.machine(), platform.machine()),
        )

    @property
    def go_version(self) -> str:
        """What stands where Prometheus names its Go: `python3.11.7`."""
        return f"python{self.python_version}"

    def block(self) -> str:
        """Return the text of `--version`, without a line end."""
        rows: Sequence[tuple[str, str]] = (
            ("build user:", self.build_user),
            ("build date:", self.build_date),
            ("go version:", self.go_version),
            ("python version:", self.python_version),
            ("platform:", f"{self.goos}/{self.goarch}"),
            ("tags:", _UNKNOWN),
        )
        first = f"{PROGRAM}, version {self.version} "
        first += f"(branch: {self.branch}, revision: {self.revision})"
        return "\n".join([first, *(f"  {label:{_LABEL_WIDTH}}{text}" for label, text in rows)])

    def info(self) -> str:
        """Return the version as the log names it at the start."""
        return f"(version={self.version}, branch={self.branch}, revision={self.revision})"

    def build_context(self) -> str:
        """Return what the log says of the build at the start."""
        return (
            f"(python={self.python_version}, platform={self.goos}/{self.goarch}, "
            f"user={self.build_user}, date={self.build_date})"
        )

    def operational_information(self) -> dict[str, str]:
        """Return the attributes of the log line about build and machine at the start."""
        host = os.uname()
        return {
            "build_context": self.build_context(),
            "host_details": f"({host.sysname} {host.release} {host.version} {host.machine} {host.nodename})",
            "fd_limits": _limits(resource.RLIMIT_NOFILE, ""),
            "vm_limits": _limits(resource.RLIMIT_AS, "b"),
        }


@functools.cache
def _installed_version() -> str:
    # Parsed as mail, of which a start would have five.
    return metadata.version(PROGRAM)


def _limits(kind: int, unit: str) -> str:
    soft, hard = (
        "unlimited" if limit == resource.RLIM_INFINITY else f"{limit}{unit}"
        for limit in resource.getrlimit(kind)
    )
    return f"(soft={soft}, hard={hard})"


def read_build(package: Traversable) -> Build:
    """Return what the build left in the package, or that it is unknown."""
    try:
        text = package.joinpath("build.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return Build()
    return msgspec.json.decode(text, type=Build)
