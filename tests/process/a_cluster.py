"""An API server that has what a test puts into it, in a thread: lists, and watches that tell of nothing new."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

NODES, PODS, CLAIMS = "/api/v1/nodes", "/api/v1/pods", "/api/v1/persistentvolumeclaims"


@contextmanager
def serving(folder: Path, objects: Mapping[str, Sequence[dict[str, Any]]]) -> Iterator[Path]:
    """`objects`: path of a list -> what is in it; other paths are not found. The kubeconfig that leads there."""
    ended = threading.Event()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            items = objects.get(asked.path)
            if items is None:
                return self._answer(404, {"kind": "Status", "code": 404, "message": "no such kind"})
            if "watch" not in parse_qs(asked.query):
                return self._answer(200, {"kind": "List", "metadata": {"resourceVersion": "7"}, "items": list(items)})
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            ended.wait()
            self.close_connection = True
            return None

        def _answer(self, status: int, told: dict[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kubeconfig = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "users": [{"name": "u", "user": {}}],
    }
    kubeconfig.write_text(json.dumps(config))
    try:
        yield kubeconfig
    finally:
        ended.set()
        server.shutdown()
        server.server_close()


def a_node(name: str, cpu: str = "4", **labels: str) -> dict[str, Any]:
    offered = {"cpu": cpu, "memory": "16Gi", "pods": "110"}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "labels": labels},
        "spec": {},
        "status": {"allocatable": offered, "capacity": offered, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def a_pod(name: str, cpu: str = "1", node: str = "", message: str = "", **spec: Any) -> dict[str, Any]:
    """In the namespace team-a; with `message`, as kube-scheduler leaves one that it has tried."""
    status: dict[str, Any] = {"phase": "Running" if node else "Pending"}
    if message:
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        status["conditions"] = [{**condition, "lastTransitionTime": "2026-01-02T03:04:05Z"}]
    return {
        "metadata": {
            "name": name,
            "namespace": "team-a",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-02T03:04:05Z",
        },
        "spec": {
            "containers": [{"name": "app", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}],
            **({"nodeName": node} if node else {}),
            **spec,
        },
        "status": status,
    }


def a_full_cluster() -> dict[str, list[dict[str, Any]]]:
    """Two nodes of 4 CPUs with half a CPU free, and pods: `roomy` waits for half a CPU more, `huge` can never fit,
    `ssd` wants a label that no node has, `gated` is held by a gate."""
    full = "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No victims."
    nowhere = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    return {
        NODES: [a_node("n1"), a_node("n2")],
        CLAIMS: [],
        PODS: [
            a_pod("busy-1", "3500m", "n1"),
            a_pod("busy-2", "3500m", "n2"),
            a_pod("roomy", message=full),
            a_pod("huge", "64", message=full),
            a_pod("huge-too", "64", message=full),
            a_pod("ssd", "100m", message=nowhere, nodeSelector={"disk": "ssd"}),
            a_pod("gated", "100m", schedulingGates=[{"name": "example.com/approved"}]),
        ],
    }
