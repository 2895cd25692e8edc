"""The lab's API server answers as kube-apiserver does: the same script of calls, sent to both, has the same answers.

What a server makes up (UIDs, versions, times, its own bookkeeping) is masked; everything else must be equal.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from extender.lab.api import LabApi
from extender.lab.identity import Identities
from extender.lab.store import Store
from tests.e2e.controlplane import ControlPlane
from tests.e2e.process import eventually

MERGE = "application/merge-patch+json"
JSON = "application/json"
QUOTAS = "/apis/scheduling.x-k8s.io/v1alpha1"
NS = "like-the-lab"
# No object of a test has it: both servers had written others before.
OLD = "1"
MADE_UP = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "lastTransitionTime", "generateName"}
TOKEN = re.compile(r"kube-api-access-[a-z0-9]{5}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Server:
    """Where to send calls, and as whom."""

    url: str
    token: str = ""
    ca_file: str = ""

    def call(self, method: str, path: str, body: Any = None, kind: str = JSON) -> tuple[int, str, bytes]:
        connection = self._connect()
        try:
            connection.request(method, path, self._encoded(body), self._headers(body, kind))
            response = connection.getresponse()
            return response.status, response.headers.get("Content-Type", ""), response.read()
        finally:
            connection.close()

    def lines(self, path: str, count: int) -> tuple[int, list[bytes]]:
        """The first lines of a watch."""
        connection = self._connect()
        try:
            connection.request("GET", path, headers=self._headers(None, JSON))
            response = connection.getresponse()
            return response.status, [response.readline() for _ in range(count)]
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca_file)
            return http.client.HTTPSConnection(parts.netloc, timeout=20, context=context)
        return http.client.HTTPConnection(parts.netloc, timeout=20)

    def _headers(self, body: Any, kind: str) -> dict[str, str]:
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return own | {"Accept": JSON} | ({} if body is None else {"Content-Type": kind})

    @staticmethod
    def _encoded(body: Any) -> bytes | None:
        return body if body is None or isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture(scope="module")
def real(plane: ControlPlane) -> Server:
    kube = plane.admin
    plane.create_namespace(NS)
    return Server(plane.url, kube.token, plane.ca_file)


@pytest.fixture(scope="module")
def lab() -> Iterator[Server]:
    api = LabApi(Store(), Identities(1, time.time))
    server = uvicorn.Server(
        uvicorn.Config(api.app, port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    eventually("the lab listens", lambda: server.started, 10)
    port = server.servers[0].sockets[0].getsockname()[1]
    found = Server(f"http://127.0.0.1:{port}")
    found.call("POST", "/api/v1/namespaces", {"metadata": {"name": NS}})
    yield found
    server.should_exit = True
    thread.join(10)


def both(real: Server, lab: Server, method: str, path: str, body: Any = None, kind: str = JSON) -> Any:
    """One call to each; equal but for what servers make up. The lab's answer, decoded."""
    wanted = real.call(method, path, body, kind)
    got = lab.call(method, path, body, kind)
    assert got[0] == wanted[0], (method, path, got, wanted)
    assert got[1] == wanted[1], (method, path, got, wanted)
    assert masked(got[2]) == masked(wanted[2]), (method, path)
    return json.loads(got[2]) if got[1] == JSON else None


def masked(body: bytes) -> str:
    """The text with what servers make up taken out; order of keys and everything else as sent."""
    try:
        tree = json.loads(body)
    except ValueError:
        return body.decode()
    text = json.dumps(_without_made_up(tree))
    return UUID.sub("UID", TOKEN.sub("TOKEN", text))


def _without_made_up(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_without_made_up(item) for item in tree]
    if isinstance(tree, dict):
        kept = {k: v for k, v in tree.items() if k not in ("managedFields", "continue") or v == ""}
        return {k: "MADE UP" if k in MADE_UP and v is not None else _without_made_up(v) for k, v in kept.items()}
    return tree


def node(name: str) -> dict[str, Any]:
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    ready = [{"type": "Ready", "status": "True"}]
    labels = {"topology.kubernetes.io/zone": "z1", "a": "c"}
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": amounts, "allocatable": amounts, "conditions": ready},
    }


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "example.test/i:1", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    return {"metadata": {"name": name, "labels": {"app": "x<&>"[:1]}}, "spec": {"containers": [container], **spec}}


def binding(name: str, uid: str, node_name: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": NS} | ({"uid": uid} if uid else {})
    return {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": {"kind": "Node", "name": node_name}}


def test_nodes_are_created_read_patched_and_deleted_alike(real: Server, lab: Server) -> None:
    for name in ("like-0", "like-1"):
        both(real, lab, "POST", "/api/v1/nodes", node(name))
    both(real, lab, "POST", "/api/v1/nodes", node("like-0"))
    both(real, lab, "GET", "/api/v1/nodes/like-0")
    both(real, lab, "GET", "/api/v1/nodes/like-none")
    cordon = {"spec": {"unschedulable": True, "taints": [{"key": "a", "effect": "NoSchedule"}]}}
    both(real, lab, "PATCH", "/api/v1/nodes/like-0", cordon, MERGE)
    both(real, lab, "PATCH", "/api/v1/nodes/like-0/status", {"status": {"allocatable": {"cpu": "3"}}}, MERGE)
    both(real, lab, "GET", "/api/v1/nodes?fieldSelector=metadata.name%3Dlike-0")
    both(real, lab, "DELETE", "/api/v1/nodes/like-1")
    both(real, lab, "DELETE", "/api/v1/nodes/like-1")
    both(real, lab, "DELETE", "/api/v1/nodes/like-0")


def test_a_pod_is_admitted_bound_and_deleted_alike(real: Server, lab: Server) -> None:
    pods = f"/api/v1/namespaces/{NS}/pods"
    both(real, lab, "POST", pods, pod("p0"))
    both(real, lab, "POST", pods, pod("p0"))
    both(real, lab, "POST", f"{pods}/none/binding", binding("none", "u", "n"))
    both(real, lab, "POST", f"{pods}/p0/binding", binding("p0", "other-uid", "n"))
    both(real, lab, "POST", f"{pods}/p0/binding", binding("p0", "", ""))
    both(real, lab, "POST", f"{pods}/p0/binding", binding("wrong", "", "n"))
    both(real, lab, "GET", f"{pods}/p0/binding")
    both(real, lab, "POST", f"{pods}/p0/binding", binding("p0", "", "no-such-node"))
    both(real, lab, "POST", f"{pods}/p0/binding", binding("p0", "", "no-such-node"))
    both(real, lab, "GET", f"{pods}/p0")
    condition = {"type": "PodScheduled", "status": "False", "reason": "X"}
    both(real, lab, "PATCH", f"{pods}/p0/status", {"status": {"conditions": [condition]}}, MERGE)
    both(real, lab, "PATCH", f"{pods}/p0/status", {"metadata": {"resourceVersion": OLD}, "status": {}}, MERGE)
    both(real, lab, "PATCH", f"{pods}/none/status", {"status": {}}, MERGE)
    both(real, lab, "DELETE", f"{pods}/p0", {"preconditions": {"uid": "x"}})
    both(real, lab, "DELETE", f"{pods}/p0")
    both(real, lab, "POST", f"{pods}/p0/binding", binding("p0", "", "n1"))
    both(real, lab, "DELETE", f"{pods}/p0", {"gracePeriodSeconds": 0})
    both(real, lab, "GET", f"{pods}/p0")


def test_scheduling_gates_are_only_ever_taken_away_alike(real: Server, lab: Server) -> None:
    pods = f"/api/v1/namespaces/{NS}/pods"
    both(
        real, lab, "POST", pods, pod("gated", schedulingGates=[{"name": "example.test/a"}, {"name": "example.test/b"}])
    )
    fewer = {"spec": {"schedulingGates": [{"name": "example.test/b"}]}}
    both(real, lab, "PATCH", f"{pods}/gated", fewer, MERGE)
    more = {"spec": {"schedulingGates": [{"name": "example.test/b"}, {"name": "example.test/c"}]}}
    both(real, lab, "PATCH", f"{pods}/gated", more, MERGE)
    both(real, lab, "PATCH", f"{pods}/gated", {"spec": {"schedulingGates": None}}, MERGE)
    both(real, lab, "PATCH", f"{pods}/gated", {"metadata": {"annotations": {"trimtab.dev/wake": "1"}}}, MERGE)
    both(real, lab, "DELETE", f"{pods}/gated", {"gracePeriodSeconds": 0})


def test_conditions_are_patched_by_type_alike(real: Server, lab: Server) -> None:
    """As preemption marks its victims and keeps room for its preemptor: with the UID as precondition."""
    pods, strategic = f"/api/v1/namespaces/{NS}/pods", "application/strategic-merge-patch+json"
    both(real, lab, "POST", pods, pod("marked"))
    uids = {s: json.loads(s.call("GET", f"{pods}/marked")[2])["metadata"]["uid"] for s in (real, lab)}
    at = "2026-01-01T00:00:00Z"
    for kind, reason in (("DisruptionTarget", "PreemptionByScheduler"), ("Ready", "X"), ("DisruptionTarget", "Y")):
        condition = {"type": kind, "status": "True", "reason": reason, "message": "m", "lastTransitionTime": at}
        answers = [
            server.call(
                "PATCH",
                f"{pods}/marked/status",
                {"metadata": {"uid": uids[server]}, "status": {"conditions": [condition]}},
                strategic,
            )
            for server in (real, lab)
        ]
        assert [answer[0] for answer in answers] == [200, 200]
        assert masked(answers[0][2]) == masked(answers[1][2])
    wrong = {"metadata": {"uid": "other"}, "status": {"nominatedNodeName": "n"}}
    both(real, lab, "PATCH", f"{pods}/marked/status", wrong, MERGE)
    both(real, lab, "PATCH", f"{pods}/marked/status", wrong, strategic)
    both(real, lab, "PATCH", f"{pods}/marked", {"metadata": {"uid": "other"}}, MERGE)
    both(real, lab, "PATCH", f"{pods}/marked/status", {"status": {"nominatedNodeName": "n"}}, MERGE)
    both(real, lab, "PATCH", f"{pods}/marked/status", {"status": {"nominatedNodeName": None}}, MERGE)
    quotas = f"{QUOTAS}/namespaces/{NS}/elasticquotas"
    both(real, lab, "PATCH", f"{quotas}/none", {"spec": {}}, strategic)
    both(real, lab, "DELETE", f"{pods}/marked", {"preconditions": {"uid": "other"}})
    both(real, lab, "DELETE", f"{pods}/marked", {"gracePeriodSeconds": 0})


def test_evictions_obey_budgets_alike(real: Server, lab: Server) -> None:
    pods, budgets = f"/api/v1/namespaces/{NS}/pods", f"/apis/policy/v1/namespaces/{NS}/poddisruptionbudgets"
    chosen = {"selector": {"matchLabels": {"app": "x"}}}
    for name in ("e0", "e1"):
        both(real, lab, "POST", pods, pod(name))
        both(real, lab, "POST", f"{pods}/{name}/binding", binding(name, "", "n"))
        ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        both(real, lab, "PATCH", f"{pods}/{name}/status", ready, MERGE)

    def evict(name: str, **options: Any) -> None:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": NS}}
        both(real, lab, "POST", f"{pods}/{name}/eviction", body | ({"deleteOptions": options} if options else {}))

    def allow(budget: str, **status: Any) -> None:
        both(real, lab, "PATCH", f"{budgets}/{budget}/status", {"status": status}, MERGE)

    both(real, lab, "POST", budgets, {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, **chosen}})
    evict("e0")
    counts = {"currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 2, "observedGeneration": 1}
    allow("b", disruptionsAllowed=0, **counts)
    evict("e0")
    evict("none")
    evict("e0", preconditions={"uid": "other"})
    allow("b", disruptionsAllowed=1, **counts)
    evict("e0")
    both(real, lab, "GET", f"{pods}/e0")
    evict("e1")
    both(real, lab, "POST", budgets, {"metadata": {"name": "c"}, "spec": {"maxUnavailable": "50%", **chosen}})
    evict("e1")
    both(real, lab, "GET", f"{pods}/e1/eviction")
    for name in ("e0", "e1"):
        both(real, lab, "DELETE", f"{pods}/{name}", {"gracePeriodSeconds": 0})
    for name in ("b", "c"):
        both(real, lab, "DELETE", f"{budgets}/{name}")


def test_pods_have_the_same_defaults(real: Server, lab: Server) -> None:
    pods = f"/api/v1/namespaces/{NS}/pods"
    gpu = {"name": "g", "image": "i", "resources": {"limits": {"example.test/gpu": "1"}}}
    side = {"name": "s", "image": "i:latest", "restartPolicy": "Always"}
    equal = {"cpu": "1", "memory": "1Gi"}
    sure = {"name": "e", "image": "i:2", "resources": {"requests": equal, "limits": equal}}
    high = {"metadata": {"name": "like-high"}, "value": 7, "preemptionPolicy": "Never"}
    for server in (real, lab):
        assert server.call("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", high)[0] == 201
    both(real, lab, "POST", pods, pod("gpu", containers=[gpu]))
    both(real, lab, "POST", pods, pod("side", initContainers=[side], priorityClassName="like-high"))
    both(real, lab, "POST", pods, pod("sure", containers=[sure], restartPolicy="Never"))
    both(
        real,
        lab,
        "POST",
        pods,
        pod("bare", containers=[{"name": "b", "image": "i"}], tolerations=[{"operator": "Exists"}]),
    )
    for name in ("gpu", "side", "sure", "bare"):
        both(real, lab, "DELETE", f"{pods}/{name}", {"gracePeriodSeconds": 0})


def test_config_maps_are_written_and_refused_alike(real: Server, lab: Server) -> None:
    maps = f"/api/v1/namespaces/{NS}/configmaps"
    both(real, lab, "POST", maps, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    both(
        real, lab, "PATCH", f"{maps}/c", {"metadata": {"annotations": {"x": "y"}}, "data": {"b": "2", "a": None}}, MERGE
    )
    both(real, lab, "PATCH", f"{maps}/c", {"metadata": {"resourceVersion": OLD}, "data": {"b": "2"}}, MERGE)
    both(real, lab, "PATCH", f"{maps}/c", b"[1]", MERGE)
    both(real, lab, "PATCH", f"{maps}/c", {"data": {}}, "application/weird")
    both(real, lab, "PUT", f"{maps}/c", {"metadata": {"name": "c", "resourceVersion": OLD}})
    both(real, lab, "PUT", f"{maps}/c", {"metadata": {"name": "d"}})
    both(real, lab, "PUT", f"{maps}/none", {"metadata": {"name": "none"}})
    both(real, lab, "PUT", f"{maps}/c", {"metadata": {"name": "c"}, "data": {"z": "9"}})
    both(real, lab, "POST", maps, {"metadata": {}})
    both(real, lab, "POST", maps, {"metadata": {"name": "A_b"}})
    both(real, lab, "POST", maps, {"metadata": {"name": "x", "namespace": "other"}})
    both(real, lab, "POST", maps, {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}})
    both(real, lab, "DELETE", f"{maps}/c", {"preconditions": {"uid": "x"}})
    both(real, lab, "DELETE", f"{maps}/c")


def test_controller_revisions_are_kept_alike(real: Server, lab: Server) -> None:
    """As the history of policies is.

    The real one keeps what is held byte by byte: its keys unsorted, which the lab sorts, and spaces, without which a
    patch of a label passes for one of the data. So what is sent here is compact and sorted.
    """
    revisions = f"/apis/apps/v1/namespaces/{NS}/controllerrevisions"
    held = {"a": {"t": "text"}, "z": 1}
    made = {"metadata": {"name": "r-1", "labels": {"of": "x"}}, "revision": 1, "data": held}
    both(real, lab, "POST", revisions, json.dumps(made, separators=(",", ":")).encode())
    both(real, lab, "POST", revisions, {"metadata": {"name": "r-1"}, "revision": 1, "data": {}})
    both(real, lab, "POST", revisions, {"metadata": {"name": "r-0"}, "data": {}})
    both(real, lab, "POST", revisions, {"metadata": {"name": "r-2"}, "revision": 2})
    both(real, lab, "POST", revisions, {"metadata": {"name": "r-3"}, "revision": -1, "data": {}})
    both(real, lab, "PATCH", f"{revisions}/r-1", {"metadata": {"annotations": {"a": "b"}}}, MERGE)
    both(real, lab, "PATCH", f"{revisions}/r-1", {"data": {"a": 2}}, MERGE)
    both(real, lab, "PATCH", f"{revisions}/r-1", {"metadata": {"resourceVersion": OLD}}, MERGE)
    both(real, lab, "GET", f"{revisions}?labelSelector=of%3Dx")
    both(real, lab, "DELETE", f"{revisions}/r-1")
    both(real, lab, "DELETE", f"{revisions}/r-0")


def test_a_dry_run_is_judged_and_keeps_nothing_alike(real: Server, lab: Server) -> None:
    maps = f"/api/v1/namespaces/{NS}/configmaps"
    made, changed = {"metadata": {"name": "d"}, "data": {"a": "1"}}, {"data": {"a": "2"}}
    both(real, lab, "POST", f"{maps}?dryRun=All", made)
    both(real, lab, "GET", f"{maps}/d")
    both(real, lab, "POST", maps, made)
    before = both(real, lab, "GET", f"{maps}/d")
    both(real, lab, "POST", f"{maps}?dryRun=All", made)
    both(real, lab, "PATCH", f"{maps}/d?dryRun=All", changed, MERGE)
    both(real, lab, "PATCH", f"{maps}/d?dryRun=All", {"metadata": {"resourceVersion": OLD}, **changed}, MERGE)
    both(real, lab, "PUT", f"{maps}/d?dryRun=All", {**made, **changed})
    both(real, lab, "DELETE", f"{maps}/d?dryRun=All")
    for method, body in (("POST", made), ("PUT", made), ("DELETE", None)):
        place = maps if method == "POST" else f"{maps}/d"
        both(real, lab, method, f"{place}?dryRun=Some", body)
    both(real, lab, "PATCH", f"{maps}/d?dryRun=Some", changed, MERGE)
    assert both(real, lab, "GET", f"{maps}/d") == before
    both(real, lab, "DELETE", f"{maps}/d")


def test_custom_objects_and_events_are_served_alike(real: Server, lab: Server) -> None:
    quotas = f"{QUOTAS}/namespaces/{NS}/elasticquotas"
    spec = {"min": {"cpu": "1"}, "max": {"cpu": "2"}}
    kind = {"apiVersion": "scheduling.x-k8s.io/v1alpha1", "kind": "ElasticQuota"}
    both(real, lab, "POST", quotas, {**kind, "metadata": {"name": "q"}, "spec": spec})
    both(real, lab, "GET", quotas)
    both(real, lab, "GET", f"{quotas}/none")
    both(real, lab, "PATCH", f"{quotas}/q", {"spec": {"max": {"cpu": "3"}}}, MERGE)
    both(real, lab, "DELETE", f"{quotas}/q")
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "ConfigMap", "name": "c", "namespace": NS},
        "reason": "R",
        "message": "m",
        "type": "Normal",
    }
    both(real, lab, "POST", f"/api/v1/namespaces/{NS}/events", event)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/foo"),
        ("GET", "/apis/nothing.example/v1/foos"),
        ("GET", "/api/v1/foos"),
        ("GET", "/api/v1/nodes/n0/foo"),
        ("POST", "/api/v1/nodes/n0"),
        ("POST", "/api/v1/pods"),
        ("PUT", f"/api/v1/namespaces/{NS}/pods"),
        ("GET", "/api/v1/pods?fieldSelector=status.foo%3Dx"),
        ("GET", "/api/v1/pods?limit=x"),
        ("GET", "/api/v1/nodes?resourceVersionMatch=NotOlderThan"),
        ("GET", "/api/v1/nodes?watch=true&resourceVersionMatch=NotOlderThan"),
        ("GET", "/api/v1/nodes?watch=true&sendInitialEvents=true"),
        ("GET", "/api/v1/nodes?watch=true&resourceVersion=abc"),
        ("POST", "/api/v1/namespaces/no-such-namespace/pods"),
        ("GET", "/healthz"),
    ],
)
def test_wrong_requests_are_refused_alike(real: Server, lab: Server, method: str, path: str) -> None:
    both(real, lab, method, path, pod("p") if method in ("POST", "PUT") else None)


def test_lists_come_in_pages_of_one_moment(real: Server, lab: Server) -> None:
    maps = f"/api/v1/namespaces/{NS}/configmaps"
    # The real one has a ConfigMap of its own in every namespace, so labels say which ones are ours.
    for i in range(5):
        both(real, lab, "POST", maps, {"metadata": {"name": f"page-{i}", "labels": {"of": "pages"}}})
    query = "labelSelector=of%3Dpages&limit=2"
    first = {server: json.loads(server.call("GET", f"{maps}?{query}")[2]) for server in (real, lab)}
    both(real, lab, "DELETE", f"{maps}/page-4")
    names: dict[Server, list[str]] = {}
    for server, page in first.items():
        names[server] = [o["metadata"]["name"] for o in page["items"]]
        while token := page["metadata"].get("continue"):
            page = json.loads(server.call("GET", f"{maps}?{query}&continue={token}")[2])  # noqa: PLW2901
            assert page["metadata"]["resourceVersion"] == first[server]["metadata"]["resourceVersion"]
            names[server] += [o["metadata"]["name"] for o in page["items"]]
    assert names[real] == names[lab] == [f"page-{i}" for i in range(5)]
    assert lab.call("GET", f"{maps}?limit=1&continue=abc%20")[0] == 400
    assert real.call("GET", f"{maps}?limit=1&continue=abc%20")[0] == 400


def test_watches_tell_the_same_story(real: Server, lab: Server) -> None:
    maps = f"/api/v1/namespaces/{NS}/configmaps"
    start = {s: json.loads(s.call("GET", f"{maps}?limit=1")[2])["metadata"]["resourceVersion"] for s in (real, lab)}
    both(real, lab, "POST", maps, {"metadata": {"name": "w", "labels": {"seen": "yes"}}})
    both(real, lab, "PATCH", f"{maps}/w", {"data": {"k": "v<&>"}}, MERGE)
    both(real, lab, "PATCH", f"{maps}/w", {"metadata": {"labels": {"seen": "no"}}}, MERGE)
    both(real, lab, "PATCH", f"{maps}/w", {"metadata": {"labels": {"seen": "yes"}}}, MERGE)
    both(real, lab, "DELETE", f"{maps}/w")
    told = {}
    for server in (real, lab):
        path = f"{maps}?watch=true&labelSelector=seen%3Dyes&resourceVersion={start[server]}"
        told[server] = server.lines(path, 5)
    assert [masked(line) for line in told[lab][1]] == [masked(line) for line in told[real][1]]
    assert [json.loads(line)["type"] for line in told[lab][1]] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]


@pytest.mark.parametrize("kind", ["pods", "nodes", "configmaps"])
def test_streaming_lists_end_with_the_same_bookmark(real: Server, lab: Server, kind: str) -> None:
    options = "watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    path = f"/api/v1/{kind}?{options}&fieldSelector=metadata.name%3Dnothing-has-this-name"
    told = {server: server.lines(path, 1)[1] for server in (real, lab)}
    assert masked(told[lab][0]) == masked(told[real][0])


def test_a_timed_watch_ends(real: Server, lab: Server) -> None:
    for server in (real, lab):
        status, lines = server.lines("/api/v1/nodes?watch=true&resourceVersion=99999999&timeoutSeconds=1", 1)
        assert (status, lines) == (200, [b""])
