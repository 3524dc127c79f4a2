"""A machine's /proc and /sys on disk, as small as the limits of a control group need."""

from collections.abc import Mapping
from pathlib import Path

from promscrape.runtime import Host

GIB = 1 << 30
HOST_MEMORY_BYTES = 64 * GIB
HOST_CPUS = 32

UNIFIED = "29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
ROOT_DISK = "22 1 252:0 / / rw,relatime - ext4 /dev/vda1 rw"


def v1_mount(controllers: str, *, root: str = "/") -> str:
    """Return the line of mountinfo for a hierarchy of version 1."""
    point = f"/sys/fs/cgroup/{controllers}"
    return f"33 29 0:30 {root} {point} rw,relatime - cgroup cgroup rw,{controllers}"


def build_host(root: Path, *, mounts: str = "", groups: str = "", files: Mapping[str, str]) -> Host:
    """Write /proc/self/mountinfo, /proc/self/cgroup and the other files below `root`."""
    texts = {
        "proc/self/mountinfo": f"{ROOT_DISK}\n{mounts}\n".replace("\n\n", "\n"),
        "proc/self/cgroup": groups,
        **files,
    }
    for name, text in texts.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Host(HOST_CPUS, HOST_MEMORY_BYTES, page_bytes=4096, root=root)


def build_v2_host(root: Path, *, group: str = "/app", files: Mapping[str, str]) -> Host:
    """Build a host of one unified hierarchy; `files` are named from /sys/fs/cgroup."""
    return build_host(
        root,
        mounts=UNIFIED,
        groups=f"0::{group}\n",
        files={f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    )
