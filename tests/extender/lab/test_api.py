"""The lab's API server, where the comparison with the real one does not reach."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from extender.lab.api import BODY_MAX
from extender.lab.reading import SNAPSHOTS_MAX
from tests.extender.lab.small_lab import SmallLab


def over_http(story: Callable[[SmallLab], Awaitable[None]]) -> None:
    async def run() -> None:
        lab = SmallLab()
        try:
            await story(lab)
        finally:
            await lab.calls.close()
            await lab.http.aclose()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("status.phase!=Succeeded,status.phase!=Failed", ["a", "b"]),
        ("spec.nodeName=", ["b"]),
        ("spec.nodeName!=", ["a", "c"]),
        ("metadata.name=b", ["b"]),
    ],
)
def test_field_selectors_choose_pods(selector: str, names: list[str]) -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        lab.pod("a", nodeName="n1")
        lab.pod("b")
        done = lab.pod("c", nodeName="n1")
        lab.store.replace(done, {**done.tree, "status": {**done.tree["status"], "phase": "Succeeded"}})
        found = (await lab.http.get("/api/v1/pods", params={"fieldSelector": selector})).json()
        assert [pod["metadata"]["name"] for pod in found["items"]] == names

    over_http(story)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=x", ["a"]),
        ("app!=x", ["b", "c"]),
        ("app in (x, y)", ["a", "b"]),
        ("app notin (x)", ["b", "c"]),
        ("app", ["a", "b"]),
        ("!app", ["c"]),
        ("app,tier=front", ["b"]),
    ],
)
def test_label_selectors_choose_objects(selector: str, names: list[str]) -> None:
    async def story(lab: SmallLab) -> None:
        for name, labels in (("a", {"app": "x"}), ("b", {"app": "y", "tier": "front"}), ("c", {})):
            body = {"metadata": {"name": name, "labels": labels}}
            await lab.http.post("/api/v1/namespaces/team-a/configmaps", json=body)
        found = (await lab.http.get("/api/v1/configmaps", params={"labelSelector": selector})).json()
        assert [o["metadata"]["name"] for o in found["items"]] == names

    over_http(story)


def test_pages_together_are_the_list_and_say_how_much_is_left() -> None:
    async def story(lab: SmallLab) -> None:
        for i in range(7):
            lab.node(f"n{i}")
        names: list[str] = []
        left: list[int] = []
        query = {"limit": "3"}
        while True:
            page = (await lab.http.get("/api/v1/nodes", params=query)).json()
            names += [node["metadata"]["name"] for node in page["items"]]
            left.append(page["metadata"].get("remainingItemCount", 0))
            lab.node(f"late-{len(left)}")
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        assert names == [f"n{i}" for i in range(7)]
        assert left == [4, 1, 0]

    over_http(story)


def test_a_page_of_a_list_from_long_ago_is_gone() -> None:
    async def story(lab: SmallLab) -> None:
        for i in range(3):
            lab.node(f"n{i}")
        first = (await lab.http.get("/api/v1/nodes", params={"limit": "1"})).json()
        for i in range(SNAPSHOTS_MAX + 1):
            lab.node(f"more-{i}")
            await lab.http.get("/api/v1/nodes", params={"limit": "1"})
        query = {"limit": "1", "continue": first["metadata"]["continue"]}
        answer = await lab.http.get("/api/v1/nodes", params=query)
        assert (answer.status_code, answer.json()["reason"]) == (410, "Expired")

    over_http(story)


def test_a_body_above_the_limit_is_refused() -> None:
    async def story(lab: SmallLab) -> None:
        answer = await lab.http.post("/api/v1/nodes", content=b" " * (BODY_MAX + 1))
        assert answer.status_code == 413

    over_http(story)


def test_a_binding_copies_the_zone_and_clears_the_nomination() -> None:
    async def story(lab: SmallLab) -> None:
        node = lab.node("n1")
        labels = {"topology.kubernetes.io/zone": "z1", "other": "x"}
        lab.store.replace(node, {**node.tree, "metadata": {**node.tree["metadata"], "labels": labels}})
        pod = lab.pod("p")
        lab.store.replace(pod, {**pod.tree, "status": {**pod.tree["status"], "nominatedNodeName": "n1"}})
        body = {"metadata": {"name": "p", "uid": pod.uid}, "target": {"kind": "Node", "name": "n1"}}
        answer = await lab.http.post("/api/v1/namespaces/team-a/pods/p/binding", json=body)
        assert answer.status_code == 201
        now = lab.now(pod)
        assert now["metadata"]["labels"] == {"topology.kubernetes.io/zone": "z1"}
        assert "nominatedNodeName" not in now["status"]
        assert lab.condition(pod)["status"] == "True"

    over_http(story)


def test_kubectl_finds_every_kind_it_asks_for() -> None:
    async def story(lab: SmallLab) -> None:
        groups = (await lab.http.get("/apis")).json()["groups"]
        assert "scheduling.x-k8s.io" in [group["name"] for group in groups]
        core = (await lab.http.get("/api/v1")).json()["resources"]
        assert {"pods", "pods/binding", "pods/status", "nodes", "configmaps"} <= {row["name"] for row in core}

    over_http(story)


def test_what_the_lab_cannot_dry_run_is_refused_and_not_done() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        lab.pod("a")
        place = "/api/v1/namespaces/team-a/pods/a"
        binding = {"metadata": {"name": "a"}, "target": {"name": "n1"}}
        before = (await lab.http.get(place)).json()
        for answer in (
            await lab.http.post(f"{place}/binding?dryRun=All", json=binding),
            await lab.http.delete(f"{place}?dryRun=All"),
        ):
            assert answer.status_code == 400
            assert "no dry run" in answer.json()["message"]
        assert (await lab.http.get(place)).json() == before

    over_http(story)
