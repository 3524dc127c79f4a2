"""Objects of a Docker swarm as the Engine API 1.41 writes them, for the lists of `FakeDocker`."""

from collections.abc import Mapping, Sequence

from tests.support.docker_daemon import OVERLAY, Json, network

_VERSION = {"Index": 11}
_TIMES = {"CreatedAt": "2020-03-16T20:44:05.1Z", "UpdatedAt": "2020-03-16T20:44:05.1Z"}


def swarm_network() -> Json:
    return network(OVERLAY, "ingress") | {"Scope": "swarm", "Ingress": True, "Internal": True}


def node(id_: str, addr: str = "192.0.2.1", *, is_manager: bool = True) -> Json:
    manager = {"Leader": True, "Reachability": "reachable", "Addr": f"{addr}:2377"}
    return {
        "ID": id_,
        "Version": _VERSION,
        **_TIMES,
        "Spec": {"Labels": {"rack.id": "r1"}, "Role": "manager", "Availability": "active"},
        "Description": {
            "Hostname": f"host-{id_}",
            "Platform": {"Architecture": "x86_64", "OS": "linux"},
            "Resources": {"NanoCPUs": 8000000000, "MemoryBytes": 8589934592},
            "Engine": {"EngineVersion": "19.03.8", "Plugins": [{"Type": "Log", "Name": "json"}]},
        },
        "Status": {"State": "ready", "Addr": addr},
        **({"ManagerStatus": manager} if is_manager else {}),
    }


def published(target: int, port: int, *, protocol: str = "tcp", name: str = "") -> Json:
    return {
        "Name": name,
        "Protocol": protocol,
        "TargetPort": target,
        "PublishedPort": port,
        "PublishMode": "ingress",
    }


def service(
    id_: str,
    *,
    ports: Sequence[Json] = (),
    ips: Sequence[str] = ("10.0.0.5/24",),
    mode: Mapping[str, object] = {"Replicated": {"Replicas": 1}},
    has_container: bool = True,
    state: str = "",
) -> Json:
    container = {"Image": "nginx:1.27", "Hostname": "h", "Isolation": "default"}
    plugin = {"Name": "p", "Remote": "r", "Disabled": False}
    update = {"UpdateStatus": {"State": state, "Message": "m"}} if state else {}
    return {
        "ID": id_,
        "Version": _VERSION,
        **_TIMES,
        "Spec": {
            "Name": f"name-{id_}",
            "Labels": {"tier": "web"},
            "TaskTemplate": {
                **({"ContainerSpec": container} if has_container else {"PluginSpec": plugin}),
                "Resources": {},
                "ForceUpdate": 0,
                "Runtime": "container" if has_container else "plugin",
            },
            "Mode": dict(mode),
            "EndpointSpec": {"Mode": "vip", "Ports": list(ports)},
        },
        "Endpoint": {
            "Spec": {"Mode": "vip"},
            "Ports": list(ports),
            "VirtualIPs": [{"NetworkID": OVERLAY, "Addr": ip} for ip in ips],
        },
        **update,
    }


def task(
    id_: str,
    service_id: str,
    node_id: str,
    *,
    addresses: Sequence[str] = ("10.0.0.7/24",),
    on_host: Sequence[Json] = (),
) -> Json:
    return {
        "ID": id_,
        "Version": _VERSION,
        **_TIMES,
        "Labels": {},
        "Spec": {
            "ContainerSpec": {"Image": "nginx:1.27", "Labels": {"app/x": "y"}},
            "ForceUpdate": 0,
            "Runtime": "container",
        },
        "ServiceID": service_id,
        "Slot": 2,
        "NodeID": node_id,
        "Status": {
            "Timestamp": "2020-03-16T20:44:05.1Z",
            "State": "running",
            "Message": "started",
            "ContainerStatus": {"ContainerID": f"container-{id_}", "PID": 7, "ExitCode": 0},
            "PortStatus": {"Ports": list(on_host)},
        },
        "DesiredState": "running",
        "NetworksAttachments": [
            {"Network": {"ID": OVERLAY, "Version": _VERSION}, "Addresses": list(addresses)}
        ],
    }
