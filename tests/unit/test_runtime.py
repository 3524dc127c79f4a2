import sys
from pathlib import Path

import pytest

from promscrape.runtime import UNLIMITED_BYTES, Host, Limits, Source, detect, refresh
from tests.support.machine import (
    GIB,
    HOST_CPUS,
    HOST_MEMORY_BYTES,
    UNIFIED,
    build_host,
    build_v2_host,
    v1_mount,
)


def events(limits: Limits) -> list[str]:
    return [message.event for message in limits.messages]


def warnings(limits: Limits) -> list[str]:
    return [str(message.attributes["err"]) for message in limits.messages if message.warning]


@pytest.mark.parametrize(
    ("cpu_max", "cpus", "event"),
    [
        ("150000 100000\n", 1, "Updating GOMAXPROCS=1: determined from CPU quota"),
        ("400000 100000\n", 4, "Updating GOMAXPROCS=4: determined from CPU quota"),
        ("50000 100000\n", 1, "Updating GOMAXPROCS=1: using minimum allowed GOMAXPROCS"),
        ("max 100000\n", 32, "Leaving GOMAXPROCS=32: CPU quota undefined"),
        ("max\n", 32, "Leaving GOMAXPROCS=32: CPU quota undefined"),
        ("100000\n", 1, "Updating GOMAXPROCS=1: determined from CPU quota"),
        ("250000\n", 2, "Updating GOMAXPROCS=2: determined from CPU quota"),
    ],
)
def test_the_cpu_quota_is_rounded_down_to_at_least_one(
    tmp_path: Path, cpu_max: str, cpus: int, event: str
) -> None:
    """Service 57, 11.1: the quota of the container, not the host's CPUs, sizes the pools."""
    host = build_v2_host(tmp_path, files={"app/cpu.max": cpu_max})
    limits = detect(environ={}, host=host)
    assert limits.cpus == cpus
    assert limits.cpu_source == (Source.SYSTEM if cpus == HOST_CPUS else Source.CGROUP_V2)
    assert events(limits)[0] == event


def test_a_quota_above_the_usable_cpus_is_cut_to_them(tmp_path: Path) -> None:
    """Service 57, 11.1: more threads than CPUs only wait for each other."""
    host = build_v2_host(tmp_path, files={"app/cpu.max": "6400000 100000\n"})
    assert detect(environ={}, host=host).cpus == HOST_CPUS


def test_of_nested_groups_only_the_leaf_sets_the_cpus(tmp_path: Path) -> None:
    """Service 57, 11.1: the reference reads no parent's cpu.max."""
    files = {"pod/cpu.max": "100000 100000\n", "pod/app/cpu.max": "300000 100000\n"}
    host = build_v2_host(tmp_path, group="/pod/app", files=files)
    assert detect(environ={}, host=host).cpus == 3


def test_a_group_without_cpu_max_has_no_quota(tmp_path: Path) -> None:
    """Service 57, 11.1: the root group has no such file."""
    limits = detect(environ={}, host=build_v2_host(tmp_path, group="/", files={}))
    assert (limits.cpus, limits.cpu_source) == (HOST_CPUS, Source.SYSTEM)


@pytest.mark.parametrize(
    ("quota", "period", "cpus"),
    [
        ("250000", "100000", 2),
        ("-1", "100000", HOST_CPUS),
        ("0", "100000", HOST_CPUS),
        ("100000", "0", HOST_CPUS),
        ("10000", "100000", 1),
    ],
)
def test_version_1_keeps_quota_and_period_in_two_files(
    tmp_path: Path, quota: str, period: str, cpus: int
) -> None:
    """Service 57, 11.1: quota -1 is how version 1 says that there is none."""
    directory = "sys/fs/cgroup/cpu,cpuacct/app"
    host = build_host(
        tmp_path,
        mounts=v1_mount("cpu,cpuacct", root="/docker"),
        groups="4:cpu,cpuacct:/docker/app\n",
        files={f"{directory}/cpu.cfs_quota_us": quota, f"{directory}/cpu.cfs_period_us": period},
    )
    limits = detect(environ={}, host=host)
    assert limits.cpus == cpus
    assert limits.cpu_source == (Source.SYSTEM if cpus == HOST_CPUS else Source.CGROUP_V1)


def test_a_hybrid_system_keeps_its_cpu_quota_in_version_1(tmp_path: Path) -> None:
    """Service 57, 11.1: version 2 counts only where it is mounted at /sys/fs/cgroup itself."""
    host = build_host(
        tmp_path,
        mounts="\n".join(
            [UNIFIED.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"), v1_mount("cpu")]
        ),
        groups="1:cpu:/app\n0::/app\n",
        files={
            "sys/fs/cgroup/cpu/app/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/app/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/unified/app/cpu.max": "900000 100000\n",
        },
    )
    limits = detect(environ={}, host=host)
    assert (limits.cpus, limits.cpu_source) == (2, Source.CGROUP_V1)


@pytest.mark.parametrize(
    "cpu_max", ["", "1 2 3", "abc", "abc 100000", "100000 x", "100000 0", "1_0 100000"]
)
def test_a_malformed_quota_is_a_warning_and_the_start_goes_on(tmp_path: Path, cpu_max: str) -> None:
    """Service 57, 11.1: a kernel with another format must not keep the daemon from running."""
    limits = detect(environ={}, host=build_v2_host(tmp_path, files={"app/cpu.max": cpu_max}))
    assert (limits.cpus, limits.cpu_source) == (HOST_CPUS, Source.SYSTEM)
    failed = [message for message in limits.messages if message.component == "automaxprocs"]
    assert [(m.event, m.warning) for m in failed] == [
        ("Failed to set GOMAXPROCS automatically", True)
    ]
    assert "cpu.max" in str(failed[0].attributes["err"])


@pytest.mark.parametrize(
    ("wanted", "cpus"),
    [("4", 4), ("64", 64), ("0", HOST_CPUS), ("-1", HOST_CPUS), ("many", HOST_CPUS)],
)
def test_gomaxprocs_wins_over_the_quota(tmp_path: Path, wanted: str, cpus: int) -> None:
    """Service 57, 11.1: the operator's word counts; Go itself passes over a useless number."""
    host = build_v2_host(tmp_path, files={"app/cpu.max": "200000 100000\n"})
    limits = detect(environ={"GOMAXPROCS": wanted}, host=host)
    assert limits.cpus == cpus
    assert events(limits)[0] == f'Honoring GOMAXPROCS="{wanted}" as set in environment'


def test_without_auto_gomaxprocs_the_quota_is_not_read(tmp_path: Path) -> None:
    """Service 57, 1.2: --no-auto-gomaxprocs leaves the CPUs as they are, without a word."""
    host = build_v2_host(tmp_path, files={"app/cpu.max": "200000 100000\n"})
    limits = detect(adjust_cpus=False, memory_ratio=None, environ={}, host=host)
    assert limits == Limits(HOST_CPUS, None, Source.SYSTEM, Source.SYSTEM)


@pytest.mark.parametrize(
    ("files", "limit_bytes"),
    [
        ({"pod/app/memory.max": "1073741824\n"}, 966367641),
        ({"pod/app/memory.max": "1073741824\n", "pod/memory.max": "536870912\n"}, 483183820),
        ({"pod/app/memory.max": "max\n", "pod/memory.max": "536870912\n"}, 483183820),
        ({"memory.max": "536870912\n"}, 483183820),
    ],
    ids=["own", "parent", "own-unlimited", "mount-point"],
)
def test_the_smallest_memory_max_up_to_the_mount_point_counts(
    tmp_path: Path, files: dict[str, str], limit_bytes: int
) -> None:
    """Service 57, 11.2: the kernel kills at a parent's limit just the same."""
    limits = detect(environ={}, host=build_v2_host(tmp_path, group="/pod/app", files=files))
    assert (limits.memory_bytes, limits.memory_source) == (limit_bytes, Source.CGROUP_V2)
    updated = limits.messages[-1]
    assert updated.event == "GOMEMLIMIT is updated"
    assert updated.attributes == {"GOMEMLIMIT": limit_bytes, "previous": UNLIMITED_BYTES}


@pytest.mark.parametrize("files", [{}, {"app/memory.max": "max\n"}], ids=["none", "max"])
def test_without_a_limit_the_machines_memory_counts(tmp_path: Path, files: dict[str, str]) -> None:
    """Service 57, 11.2: a process without a container still shares the machine."""
    limits = detect(memory_ratio=0.5, environ={}, host=build_v2_host(tmp_path, files=files))
    assert (limits.memory_bytes, limits.memory_source) == (HOST_MEMORY_BYTES // 2, Source.SYSTEM)
    assert not warnings(limits)


def test_a_system_without_control_groups_uses_its_own_values(tmp_path: Path) -> None:
    """Service 57, 11.2: macOS has neither file, and that is nothing to warn of."""
    host = Host(8, 16 * GIB, 16384, root=tmp_path)
    limits = detect(memory_ratio=1.0, environ={}, host=host)
    assert (limits.cpus, limits.memory_bytes) == (8, 16 * GIB)
    assert not warnings(limits)


V1_UNLIMITED = (2**63 - 1) // 4096 * 4096


@pytest.mark.parametrize(
    ("stat", "own", "limit_bytes"),
    [
        (f"cache 1\nhierarchical_memory_limit {GIB}\n", str(2 * GIB), GIB),
        (f"hierarchical_memory_limit {2 * GIB}\n", f"{GIB}\n", GIB),
        ("cache 1\n", f"{GIB}\n", GIB),
        (f"hierarchical_memory_limit {V1_UNLIMITED}\n", f"{V1_UNLIMITED}\n", HOST_MEMORY_BYTES),
    ],
    ids=["parent", "own", "not-hierarchical", "none"],
)
def test_version_1_takes_the_smaller_of_its_two_limits(
    tmp_path: Path, stat: str, own: str, limit_bytes: int
) -> None:
    """Service 57, 11.2: "no limit" of version 1 is the largest number of whole pages."""
    directory = "sys/fs/cgroup/memory"
    host = build_host(
        tmp_path,
        mounts=v1_mount("memory", root="/docker/app"),
        groups="4:memory:/docker/app\n",
        files={f"{directory}/memory.stat": stat, f"{directory}/memory.limit_in_bytes": own},
    )
    limits = detect(memory_ratio=1.0, environ={}, host=host)
    assert limits.memory_bytes == limit_bytes
    assert limits.memory_source == (
        Source.SYSTEM if limit_bytes == HOST_MEMORY_BYTES else Source.CGROUP_V1
    )


@pytest.mark.parametrize("groups", ["0::/app\n4:memory:/app\n", "4:memory:/app\n"])
def test_on_a_hybrid_system_version_1_is_tried_after_version_2(tmp_path: Path, groups: str) -> None:
    """Service 57, 11.2: the memory controller lives in one of the two hierarchies only."""
    host = build_host(
        tmp_path,
        mounts="\n".join([UNIFIED, v1_mount("memory")]),
        groups=groups,
        files={"sys/fs/cgroup/memory/app/memory.limit_in_bytes": str(GIB)},
    )
    limits = detect(memory_ratio=1.0, environ={}, host=host)
    assert (limits.memory_bytes, limits.memory_source) == (GIB, Source.CGROUP_V1)


@pytest.mark.parametrize(
    ("mounts", "groups", "files", "reason"),
    [
        (UNIFIED, "0::/app\n", {"sys/fs/cgroup/app/memory.max": "lots"}, "memory.max holds 'lots'"),
        (UNIFIED, "1:cpu:/\n", {}, "cgroup v2 path not found"),
        (v1_mount("memory"), "4:memory:/app\n", {}, "memory.limit_in_bytes is missing"),
        (v1_mount("memory"), "0::/\n", {}, "for memory controller not found"),
        (
            v1_mount("memory", root="/docker/app"),
            "4:memory:/other\n",
            {},
            "invalid cgroup path: /other is not under root /docker/app",
        ),
        (UNIFIED, "nonsense\n", {}, "malformed line in /proc/self/cgroup: nonsense"),
        ("nonsense", "0::/\n", {}, "malformed line in mountinfo: nonsense"),
    ],
)
def test_what_cannot_be_understood_falls_back_to_the_machines_memory(
    tmp_path: Path, mounts: str, groups: str, files: dict[str, str], reason: str
) -> None:
    """Service 57, 11.2: unreadable files never stop the start."""
    host = build_host(tmp_path, mounts=mounts, groups=groups, files=files)
    limits = detect(memory_ratio=1.0, environ={}, host=host)
    assert (limits.memory_bytes, limits.memory_source) == (HOST_MEMORY_BYTES, Source.SYSTEM)
    assert any(reason in text for text in warnings(limits))


def test_a_file_that_is_not_text_is_a_warning(tmp_path: Path) -> None:
    """Service 57: nothing that lies in /sys is trusted to be well-formed."""
    host = build_v2_host(tmp_path, files={"app/cpu.max": "", "app/memory.max": ""})
    for name in ("cpu.max", "memory.max"):
        (tmp_path / "sys/fs/cgroup/app" / name).write_bytes(b"\xff\xfe")
    limits = detect(environ={}, host=host)
    assert limits.cpus == HOST_CPUS
    assert len(warnings(limits)) == 2


@pytest.mark.parametrize(
    ("wanted", "limit_bytes"),
    [("1000", 1000), ("512B", 512), ("2GiB", 2 * GIB), ("1MiB", 1 << 20), ("off", None)],
)
def test_gomemlimit_wins_over_what_is_detected(
    tmp_path: Path, wanted: str, limit_bytes: int | None
) -> None:
    """Service 57, 11.2: the variable means the same to us as to a Go program in that container."""
    host = build_v2_host(tmp_path, files={"app/memory.max": str(GIB)})
    limits = detect(environ={"GOMEMLIMIT": wanted}, host=host)
    assert (limits.memory_bytes, limits.memory_source) == (limit_bytes, Source.ENVIRONMENT)
    assert events(limits)[-1] == "GOMEMLIMIT is already set, skipping"
    assert limits.messages[-1].attributes == {"GOMEMLIMIT": wanted}


@pytest.mark.parametrize("wanted", ["much", "1GB", "1Gi", "-1", ""])
def test_a_malformed_gomemlimit_is_a_warning(tmp_path: Path, wanted: str) -> None:
    """Service 57, 11.2: Go would refuse to start; here it is named and nothing is limited."""
    host = build_v2_host(tmp_path, files={"app/memory.max": str(GIB)})
    limits = detect(environ={"GOMEMLIMIT": wanted}, host=host)
    assert limits.memory_bytes is None
    assert warnings(limits) == [f"malformed GOMEMLIMIT: {wanted}"]


def test_automemlimit_off_switches_the_limit_off(tmp_path: Path) -> None:
    """Service 57, 11.2: the variable of the library that Prometheus uses is honored."""
    host = build_v2_host(tmp_path, files={"app/memory.max": str(GIB)})
    limits = detect(environ={"AUTOMEMLIMIT": "off"}, host=host)
    assert limits.memory_bytes is None
    assert events(limits)[-1] == "AUTOMEMLIMIT is set to off, skipping"


def test_automemlimit_overrides_the_ratio(tmp_path: Path) -> None:
    """Service 57, 11.2: a number there stands in for --auto-gomemlimit.ratio."""
    host = build_v2_host(tmp_path, files={"app/memory.max": str(GIB)})
    assert detect(environ={"AUTOMEMLIMIT": "0.5"}, host=host).memory_bytes == GIB // 2


@pytest.mark.parametrize("ratio", ["0", "1.1", "-1", "nan", "half"])
def test_a_useless_automemlimit_is_a_warning(tmp_path: Path, ratio: str) -> None:
    """Service 57, 11.2: a bad ratio limits nothing, and says so."""
    host = build_v2_host(tmp_path, files={"app/memory.max": str(GIB)})
    limits = detect(environ={"AUTOMEMLIMIT": ratio}, host=host)
    assert limits.memory_bytes is None
    assert ratio in warnings(limits)[0]


def test_a_refresh_follows_a_limit_that_moved(tmp_path: Path) -> None:
    """Service 57, 11.2: an autoscaler changes the limit of a running container."""
    host = build_v2_host(tmp_path, files={"app/memory.max": str(2 * GIB)})
    limits = detect(memory_ratio=0.5, environ={}, host=host)
    build_v2_host(tmp_path, files={"app/memory.max": str(GIB)})
    moved = refresh(limits, memory_ratio=0.5, environ={}, host=host)
    assert moved.memory_bytes == GIB // 2
    assert [message.attributes for message in moved.messages] == [
        {"GOMEMLIMIT": GIB // 2, "previous": GIB}
    ]


def test_a_refresh_without_a_change_says_nothing(tmp_path: Path) -> None:
    """Service 57, 11.2: the log of a daemon that refreshes every minute stays quiet."""
    host = build_v2_host(tmp_path, files={"app/memory.max": str(GIB)})
    limits = detect(environ={}, host=host)
    again = refresh(limits, memory_ratio=0.9, environ={}, host=host)
    assert (again.memory_bytes, again.messages) == (limits.memory_bytes, ())


def test_a_refresh_reports_a_file_that_went_bad(tmp_path: Path) -> None:
    """Service 57, 11.2: falling back to the machine's memory later is no less worth a warning."""
    host = build_v2_host(tmp_path, files={"app/memory.max": str(GIB)})
    limits = detect(memory_ratio=1.0, environ={}, host=host)
    build_v2_host(tmp_path, files={"app/memory.max": "?"})
    moved = refresh(limits, memory_ratio=1.0, environ={}, host=host)
    assert moved.memory_bytes == HOST_MEMORY_BYTES
    assert [message.warning for message in moved.messages] == [True, False]


def test_this_machine_has_limits_that_a_process_can_live_with() -> None:
    """Service 11: whatever /proc holds here, the daemon starts and has something to work with."""
    limits = detect(environ={})
    assert limits.cpus >= 1
    assert limits.memory_bytes is not None
    assert limits.memory_bytes > 64 << 20
    if sys.platform == "darwin":
        assert limits.memory_source is Source.SYSTEM
