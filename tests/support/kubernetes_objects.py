"""Objects as an API server sends them, with all that it sends along and nobody reads."""

from collections.abc import Mapping, Sequence

from tests.support.kubernetes_selector import JSON

Labels = Mapping[str, str]


def meta(
    name: str,
    namespace: str = "",
    *,
    labels: Labels | None = None,
    annotations: Labels | None = None,
    owners: Sequence[JSON] = (),
) -> JSON:
    made: JSON = {
        "name": name,
        "uid": f"uid-of-{name}",
        "creationTimestamp": "2026-11-25T10:00:00Z",
        "managedFields": [
            {
                "manager": "kube-controller-manager",
                "operation": "Update",
                "apiVersion": "v1",
                "time": "2026-11-25T10:00:00Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {}},
            },
            {"manager": "kubelet", "operation": "Update", "subresource": "status"},
        ],
    }
    if namespace:
        made["namespace"] = namespace
    if labels is not None:
        made["labels"] = dict(labels)
    if annotations is not None:
        made["annotations"] = dict(annotations)
    if owners:
        made["ownerReferences"] = list(owners)
    return made


def owner(kind: str, name: str, *, controller: bool | None = True) -> JSON:
    made: JSON = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"uid-of-{name}"}
    return made if controller is None else {**made, "controller": controller}


def container(name: str, *ports: JSON, image: str = "") -> JSON:
    made: JSON = {
        "name": name,
        "image": image or f"registry.example/{name}:1.2.3",
        "command": ["/bin/serve", "--listen=:9000"],
        "env": [
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
            {"name": "TEXT", "value": 'a "quoted" text with },{"metadata":{ in it'},
        ],
        "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m"}},
        "volumeMounts": [{"name": "kube-api-access-x", "mountPath": "/var/run/secrets/x"}],
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }
    return {**made, "ports": list(ports)} if ports else made


def port(number: int, name: str = "", protocol: str = "TCP") -> JSON:
    made: JSON = {"containerPort": number, "protocol": protocol}
    return {"name": name, **made} if name else made


def pod(
    name: str,
    namespace: str = "default",
    *containers: JSON,
    ip: str = "10.1.2.3",
    node: str = "node-1",
    phase: str = "Running",
    ready: str | None = "True",
    init: Sequence[JSON] = (),
    labels: Labels | None = None,
    annotations: Labels | None = None,
    owners: Sequence[JSON] = (),
) -> JSON:
    """Return a pod; `ready` is the status of its condition, None for a pod without it."""
    made_of = containers or (container("app", port(9000, "web")),)
    spec: JSON = {
        "volumes": [
            {
                "name": "scratch",
                "ephemeral": {"volumeClaimTemplate": {"metadata": {"labels": {"a": "b"}}}},
            }
        ],
        "containers": list(made_of),
        "restartPolicy": "Always",
        "ephemeralContainers": [{"name": "debugger", "image": "busybox", "ports": [port(7)]}],
        "serviceAccountName": "default",
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
    }
    if init:
        spec["initContainers"] = list(init)
    if node:
        spec["nodeName"] = node
    conditions = [{"type": "PodScheduled", "status": "True", "lastProbeTime": None}]
    if ready is not None:
        conditions.append({"type": "Ready", "status": ready, "lastProbeTime": None})
    status: JSON = {
        "phase": phase,
        "conditions": conditions,
        "qosClass": "Burstable",
        "containerStatuses": [_container_status(one) for one in made_of],
    }
    if init:
        status["initContainerStatuses"] = [_container_status(one) for one in init]
    if ip:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}], "hostIP": "10.0.0.1"}
    metadata = meta(name, namespace, labels=labels, annotations=annotations, owners=owners)
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def _container_status(one: JSON) -> JSON:
    return {
        "name": one["name"],
        "state": {"running": {"startedAt": "2026-11-25T10:00:05Z"}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": one["image"],
        "imageID": f"{one['image']}@sha256:0123",
        "containerID": f"containerd://id-of-{one['name']}",
        "started": True,
    }


def node(
    name: str,
    *addresses: tuple[str, str],
    ready: str = "True",
    labels: Labels | None = None,
    annotations: Labels | None = None,
) -> JSON:
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": meta(name, labels=labels, annotations=annotations),
        "spec": {"podCIDR": "10.1.0.0/24", "providerID": f"aws:///eu/{name}"},
        "status": {
            "capacity": {"cpu": "8", "memory": "32Gi"},
            "conditions": [
                {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasEnough"},
                {"type": "Ready", "status": ready, "reason": "KubeletReady"},
            ],
            "addresses": [{"type": kind, "address": address} for kind, address in addresses],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": [{"names": ["registry.example/app:1"], "sizeBytes": 123456}],
        },
    }


def namespace(
    name: str, *, labels: Labels | None = None, annotations: Labels | None = None
) -> JSON:
    metadata = meta(name, labels=labels, annotations=annotations)
    return {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def service(
    name: str,
    namespace: str = "default",
    *ports: JSON,
    spec: JSON | None = None,
    status: JSON | None = None,
    labels: Labels | None = None,
    annotations: Labels | None = None,
) -> JSON:
    made: JSON = {"type": "ClusterIP", "clusterIP": "10.96.0.7", "sessionAffinity": "None"}
    if ports:
        made["ports"] = list(ports)
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": meta(name, namespace, labels=labels, annotations=annotations),
        "spec": {**made, **(spec or {})},
        "status": status or {"loadBalancer": {}},
    }


def service_port(number: int, name: str = "", protocol: str = "TCP") -> JSON:
    made: JSON = {"protocol": protocol, "port": number, "targetPort": number}
    return {"name": name, **made} if name else made


def pod_ref(name: str, namespace: str = "default", kind: str = "Pod") -> JSON:
    return {"kind": kind, "namespace": namespace, "name": name, "uid": f"uid-of-{name}"}


def address(
    ip: str, *, ref: JSON | None = None, node: str | None = None, hostname: str = ""
) -> JSON:
    """Return an address of a subset of endpoints."""
    made: JSON = {"ip": ip}
    if hostname:
        made["hostname"] = hostname
    if node is not None:
        made["nodeName"] = node
    return made if ref is None else {**made, "targetRef": ref}


def endpoints(
    name: str,
    namespace: str = "default",
    *subsets: JSON,
    labels: Labels | None = None,
    annotations: Labels | None = None,
) -> JSON:
    made: JSON = {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": meta(name, namespace, labels=labels, annotations=annotations),
    }
    return {**made, "subsets": list(subsets)} if subsets else made


def subset(
    ports: Sequence[JSON], ready: Sequence[JSON] = (), not_ready: Sequence[JSON] = ()
) -> JSON:
    made: JSON = {"ports": list(ports)}
    if ready:
        made["addresses"] = list(ready)
    if not_ready:
        made["notReadyAddresses"] = list(not_ready)
    return made


def endpoint_port(number: int, name: str = "", protocol: str = "TCP") -> JSON:
    made: JSON = {"port": number, "protocol": protocol}
    return {"name": name, **made} if name else made


def endpoint_slice(
    name: str,
    namespace: str = "default",
    *items: JSON,
    ports: Sequence[JSON] | None = (),
    address_type: str = "IPv4",
    of_service: str = "",
    labels: Labels | None = None,
    annotations: Labels | None = None,
) -> JSON:
    named = {"kubernetes.io/service-name": of_service} if of_service else {}
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": meta(
            name, namespace, labels={**named, **(labels or {})}, annotations=annotations
        ),
        "addressType": address_type,
        "endpoints": list(items) if items else None,
        "ports": None if ports is None else list(ports),
    }


def ingress(
    name: str,
    namespace: str = "default",
    *rules: JSON,
    tls: Sequence[str] = (),
    ingress_class: str | None = None,
    labels: Labels | None = None,
    annotations: Labels | None = None,
) -> JSON:
    spec: JSON = {"rules": list(rules)}
    if ingress_class is not None:
        spec["ingressClassName"] = ingress_class
    if tls:
        spec["tls"] = [{"hosts": list(tls), "secretName": "certificate"}]
    return {
        "kind": "Ingress",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": meta(name, namespace, labels=labels, annotations=annotations),
        "spec": spec,
        "status": {"loadBalancer": {}},
    }


def rule(host: str, *paths: str) -> JSON:
    """Return a rule with an http block; without paths, with an empty one."""
    backend = {"service": {"name": "app", "port": {"number": 80}}}
    made = [{"path": path, "pathType": "Prefix", "backend": backend} for path in paths]
    return {"host": host, "http": {"paths": made}}


def owned(kind: str, name: str, namespace: str, owners: Sequence[JSON]) -> JSON:
    """Return a ReplicaSet or a Job."""
    api = "apps/v1" if kind == "ReplicaSet" else "batch/v1"
    metadata = meta(name, namespace, owners=owners)
    return {"kind": kind, "apiVersion": api, "metadata": metadata, "spec": {"template": {}}}
