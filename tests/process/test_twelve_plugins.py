"""R-059 to R-071, R-073, R-074, R-024: each plugin is switched at the console, does what its name means in the running
extender, and is neutral again, with everything given back, when it is switched off."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from extender.control.edits import PLUGINS
from extender.plugins.trimaran import PLUGIN as TRIMARAN
from tests.process.a_pair import Pair, running

EARLIER, LONG_AGO, LATER = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z"
MINIMUM = "preemption-toleration.scheduling.x-k8s.io/minimum-preemptable-priority"
SECONDS = "preemption-toleration.scheduling.x-k8s.io/toleration-seconds"
GANG = "scheduling.x-k8s.io/pod-group"

SMALL, LARGE = "small", "large"
COOL, HOT_CPU, HOT_MEMORY = "cool", "hot-cpu", "hot-memory"
GANG_NODES = ["gang-0", "gang-1"]
LOADED = ["load-10", "load-35", "load-70"]
STEADY, SWINGING, BUSY = "steady", "swinging", "busy"


def a_node(name: str, cpu: str = "10", memory: str = "10Gi") -> dict[str, Any]:
    room = {"cpu": cpu, "memory": memory, "pods": "110"}
    return {"kind": "Node", "metadata": {"name": name}, "status": {"allocatable": room, "capacity": room}}


def a_pod(
    name: str,
    node: str = "",
    *,
    ns: str = "ns",
    labels: dict[str, str] | None = None,
    limits: dict[str, str] | None = None,
    status: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
    **requests: str,
) -> dict[str, Any]:
    resources = {"requests": limits or requests} | ({"limits": limits} if limits else {})
    placed = {"nodeName": node} if node else {}
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": ns,
            "uid": name,
            "labels": labels or {},
            "creationTimestamp": LONG_AGO,
            **(meta or {}),
        },
        "spec": {"containers": [{"name": "c", "resources": resources}], **placed, **(spec or {})},
        "status": {"phase": "Running" if node else "Pending", **(status or {})},
    }


def members(group: str, size: int) -> list[dict[str, Any]]:
    return [a_pod(f"{group}-{i}", labels={GANG: group}, cpu="1") for i in range(size)]


def group(name: str, least: int) -> dict[str, Any]:
    meta = {"name": name, "namespace": "ns", "uid": name}
    return {
        "apiVersion": "scheduling.x-k8s.io/v1alpha1",
        "kind": "PodGroup",
        "metadata": meta,
        "spec": {"minMember": least},
    }


def quota(ns: str, least: str, most: str) -> dict[str, Any]:
    spec = {"min": {"cpu": least}, "max": {"cpu": most, "memory": "1Ti", "ephemeral-storage": "1Ti"}}
    return {
        "apiVersion": "scheduling.x-k8s.io/v1alpha1",
        "kind": "ElasticQuota",
        "metadata": {"name": "quota", "namespace": ns},
        "spec": spec,
    }


def zones(node: str, *cores: str) -> dict[str, Any]:
    return {
        "apiVersion": "topology.node.k8s.io/v1alpha2",
        "kind": "NodeResourceTopology",
        "metadata": {"name": node},
        "attributes": [
            {"name": "topologyManagerPolicy", "value": "single-numa-node"},
            {"name": "topologyManagerScope", "value": "container"},
        ],
        "zones": [
            {
                "name": f"node-{at}",
                "type": "Node",
                "resources": [
                    {"name": name, "capacity": amount, "allocatable": amount, "available": amount}
                    for name, amount in (("cpu", each), ("memory", "4Gi"))
                ],
            }
            for at, each in enumerate(cores)
        ],
    }


def a_class(name: str, value: int, **annotations: str) -> dict[str, Any]:
    meta = {"name": name, "annotations": annotations}
    return {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": value}


def seccomp(name: str, *calls: str) -> dict[str, Any]:
    return {
        "apiVersion": "security-profiles-operator.x-k8s.io/v1beta1",
        "kind": "SeccompProfile",
        "metadata": {"name": name, "namespace": "d"},
        "spec": {"syscalls": [{"action": "SCMP_ACT_ALLOW", "names": list(calls)}]},
    }


def confined(name: str, profile: str, node: str = "") -> dict[str, Any]:
    localhost = {"type": "Localhost", "localhostProfile": f"operator/d/{profile}.json"}
    return a_pod(name, node, spec={"securityContext": {"seccompProfile": localhost}})


def important(name: str, node: str, priority_class: str) -> dict[str, Any]:
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": LONG_AGO}
    return a_pod(
        name,
        node,
        cpu="4",
        spec={"priority": 100, "priorityClassName": priority_class},
        status={"conditions": [scheduled]},
    )


CLUSTER = [
    # NodeResourcesAllocatable
    *[a_node(SMALL, "2"), a_node(LARGE, "8")],
    # Rescheduler
    *[a_node(COOL), a_node(HOT_CPU), a_node(HOT_MEMORY)],
    *[a_pod("busy-cpu", HOT_CPU, cpu="8200m"), a_pod("busy-memory", HOT_MEMORY, memory="8806Mi")],
    # Coscheduling
    *[a_node(name, "2") for name in GANG_NODES],
    *[group("fits", 3), *members("fits", 3), group("outsize", 5), *members("outsize", 5)],
    # CapacityScheduling
    *[a_node("shared", "100"), quota("team-a", "2", "4"), quota("team-b", "3", "3")],
    # NodeResourceTopologyMatch
    *[a_node("split", "4", "8Gi"), zones("split", "2", "2"), a_node("whole", "4", "8Gi"), zones("whole", "0", "4")],
    # TargetLoadPacking, LoadVariationRiskBalancing, Trimaran
    *[a_node(name) for name in (*LOADED, STEADY, SWINGING, BUSY)],
    # PreemptionToleration
    *[a_node("mild", "4"), a_node("stern", "4"), a_class("plain", 100), a_class("urgent", 1000)],
    *[a_class("shielded", 100, **{MINIMUM: "10000", SECONDS: "-1"})],
    *[important("unshielded-victim", "mild", "plain"), important("shielded-victim", "stern", "shielded")],
    # PodState
    *[a_node("leaving"), a_node("quiet"), a_node("spoken-for")],
    a_pod("going", "leaving", meta={"deletionTimestamp": LONG_AGO, "deletionGracePeriodSeconds": 10**9}),
    a_pod("nominated", status={"nominatedNodeName": "spoken-for"}),
    # QoS
    a_node("full-soon", "3"),
    a_pod("guaranteed", limits={"cpu": "2", "memory": "1Gi"}),
    a_pod("guaranteed-and-never-tried", limits={"cpu": "2", "memory": "1Gi"}, meta={"creationTimestamp": LATER}),
    # A pod gives way three times at most: one for each test.
    *[
        a_pod(f"burstable-{use}", cpu="2", meta={"creationTimestamp": EARLIER})
        for use in ("r069", "preFilter", "filter")
    ],
    # SySched
    *[a_node("alike"), a_node("unlike"), seccomp("web", "read", "write"), seccomp("odd", "ptrace", "mount")],
    *[confined("web-0", "web", "alike"), confined("odd-0", "odd", "unlike")],
]
LOAD = {
    "load-10": [("CPU", "AVG", 10)],
    "load-35": [("CPU", "AVG", 35)],
    "load-70": [("CPU", "AVG", 70)],
    STEADY: [("CPU", "AVG", 30), ("CPU", "STD", 1)],
    SWINGING: [("CPU", "AVG", 30), ("CPU", "STD", 30)],
    BUSY: [("CPU", "AVG", 90), ("CPU", "STD", 1)],
}


def load_document(now_s: int) -> str:
    metrics = {
        node: {
            "metrics": [
                {"name": "m", "type": kind, "operator": operator, "rollup": "15m", "value": value}
                for kind, operator, value in found
            ]
        }
        for node, found in LOAD.items()
    }
    window = {"duration": "15m", "start": now_s - 900, "end": now_s}
    return json.dumps({"timestamp": now_s, "window": window, "source": "test", "data": {"NodeMetricsMap": metrics}})


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("twelve")
    load = folder / "load.json"
    load.write_text(load_document(int(time.time())))
    with running(folder, CLUSTER, "--metrics-file", str(load)) as pair:
        yield pair


@pytest.fixture
def pair(one: Pair) -> Pair:
    one.everything_off()
    return one


PLAIN = a_pod("plain", cpu="10m")


def seats(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = pair.call("GET", "plugins")["data"]["enabled_plugins"]
    return found


def test_r073_with_every_plugin_off_the_verbs_answer_neutrally(pair: Pair) -> None:
    everywhere = [item["metadata"]["name"] for item in CLUSTER if item["kind"] == "Node"]
    assert pair.passing(PLAIN, everywhere) == everywhere
    assert set(pair.scores(PLAIN, everywhere).values()) == {0}
    proposed = {"mild": ["unshielded-victim"], "stern": ["shielded-victim"]}
    assert pair.victims(a_pod("p", cpu="4", spec={"priority": 1000}), proposed) == proposed


def test_r073_each_phase_switch_gates_just_its_part(pair: Pair) -> None:
    """A quota that is judged and not charged, and one that is charged and not judged."""
    too_large, nodes = a_pod("too-large", ns="team-a", cpu="5"), ["shared"]
    pair.enable("CapacityScheduling", "preFilter")
    assert pair.passing(too_large, nodes) == []
    assert [pair.passing(of_team("team-a", i), nodes) for i in range(5)] == [nodes] * 5
    assert pair.leases("CapacityScheduling") == []
    pair.everything_off()
    pair.enable("CapacityScheduling", "reserve")
    assert pair.passing(too_large, nodes) == nodes
    assert pair.leases("CapacityScheduling") == ["too-large"]
    pair.everything_off()
    assert pair.leases("CapacityScheduling") == []


def heard(pair: Pair) -> list[Any]:
    """What kube-scheduler hears about a pod of each scene."""
    scenes = [
        (PLAIN, [COOL, HOT_CPU, HOT_MEMORY, SMALL, LARGE, *LOADED, STEADY, SWINGING, BUSY]),
        (PLAIN, ["spoken-for", "quiet", "leaving"]),
        (gang_of("outsize")[0], GANG_NODES),
        (of_team("team-a", 0), ["shared"]),
        (a_pod("aligned", limits={"cpu": "3", "memory": "1Gi"}), ["split", "whole"]),
        (confined("web-1", "web"), ["alike", "unlike"]),
    ]
    preemptor = a_pod("preemptor", cpu="4", spec={"priority": 1000, "priorityClassName": "urgent"})
    return [
        *[(pair.passing(pod, nodes), pair.scores(pod, nodes)) for pod, nodes in scenes],
        pair.victims(preemptor, {"mild": ["unshielded-victim"], "stern": ["shielded-victim"]}),
    ]


def test_r024_all_on_and_all_off_again_is_as_if_nothing_had_been(pair: Pair) -> None:
    neutral = heard(pair)
    for plugin in PLUGINS:
        pair.enable(plugin)
    for before, now in zip(neutral, heard(pair), strict=True):
        assert before != now or before[0] == ["shared"], "each scene hears of it, but for the quota that lets pass"
    assert "team-a-0" in pair.leases("CapacityScheduling")
    for plugin in PLUGINS:
        pair.disable(plugin)
    assert heard(pair) == neutral
    for held in ("leases", "holds"):
        assert pair.extender.client.get(f"{pair.extender.admin}/{held}").json() == []


def test_r060_rescheduler_keeps_pods_from_nodes_over_the_thresholds_and_prefers_the_less_loaded(pair: Pair) -> None:
    nodes = [COOL, HOT_CPU, HOT_MEMORY]  # 0, 82 % of cpu, 86 % of memory
    pair.enable("Rescheduler", "filter", "score")
    assert pair.configure("Rescheduler", cpuThreshold=80.0, memoryThreshold=80.0) == {
        "cpuThreshold": 80.0,
        "memoryThreshold": 80.0,
    }
    assert pair.passing(PLAIN, nodes) == [COOL]
    assert set(pair.refusals(PLAIN, nodes)) == {HOT_CPU, HOT_MEMORY}
    assert pair.configure("Rescheduler", cpuThreshold=85.0) == {"cpuThreshold": 85.0, "memoryThreshold": 80.0}
    assert pair.passing(PLAIN, nodes) == [COOL, HOT_CPU]
    assert pair.configure("Rescheduler", memoryThreshold=90.0) == {"cpuThreshold": 85.0, "memoryThreshold": 90.0}
    assert pair.passing(PLAIN, nodes) == nodes
    scores = pair.scores(PLAIN, nodes)
    assert max(scores, key=lambda node: scores[node]) == COOL

    pair.configure("Rescheduler", cpuThreshold=80.0, memoryThreshold=80.0)
    pair.disable("Rescheduler", "filter")
    assert pair.passing(PLAIN, nodes) == nodes
    assert pair.scores(PLAIN, nodes) == scores, "its other phase is as it was"
    pair.disable("Rescheduler", "score")
    assert set(pair.scores(PLAIN, nodes).values()) == {0}


def gang_of(name: str) -> list[dict[str, Any]]:
    return [item for item in CLUSTER if item["metadata"].get("labels", {}).get(GANG) == name]


def test_r061_coscheduling_places_a_group_together_or_not_at_all(pair: Pair) -> None:
    """Two nodes of two cpus: room for the three of one group, none for the five of the other."""
    pair.enable("Coscheduling")
    planned = [pair.passing(pod, GANG_NODES) for pod in gang_of("fits")]
    assert sorted(node for found in planned for node in found) in (
        ["gang-0", "gang-0", "gang-1"],
        ["gang-0", "gang-1", "gang-1"],
    )
    assert [pair.passing(pod, GANG_NODES) for pod in gang_of("outsize")] == [[]] * 5
    assert pair.leases("Coscheduling") == ["fits-0", "fits-1", "fits-2"]

    pair.disable("Coscheduling")
    assert [pair.passing(pod, GANG_NODES) for pod in gang_of("outsize")] == [GANG_NODES] * 5
    assert pair.leases("Coscheduling") == []
    assert pair.passing(a_pod("single", cpu="2"), GANG_NODES) == GANG_NODES, "no room is kept for the group"


def of_team(team: str, i: int) -> dict[str, Any]:
    return a_pod(f"{team}-{i}", ns=team, cpu="1")


def test_r062_capacity_scheduling_lends_what_others_leave_up_to_a_maximum(pair: Pair) -> None:
    """team-a: 2 guaranteed, 4 at most; team-b: 3 guaranteed. Together they have 5."""
    nodes = ["shared"]
    pair.enable("CapacityScheduling")
    assert [pair.passing(of_team("team-a", i), nodes) for i in range(4)] == [nodes] * 4, "two of them borrowed"
    assert "more than Max" in pair.refusals(of_team("team-a", 4), nodes)["shared"]
    assert pair.passing(of_team("team-b", 0), nodes) == nodes
    assert "total ElasticQuota used is more than min" in pair.refusals(of_team("team-b", 1), nodes)["shared"]
    assert pair.leases("CapacityScheduling") == [*(f"team-a-{i}" for i in range(4)), "team-b-0"]

    pair.disable("CapacityScheduling")
    assert pair.passing(of_team("team-a", 4), nodes) == nodes
    assert pair.leases("CapacityScheduling") == []

    pair.enable("CapacityScheduling")
    others = [of_team("team-a", i) for i in range(10, 14)]
    assert [pair.passing(pod, nodes) for pod in others] == [nodes] * 4, "what was charged has been given back"


def test_r063_node_resource_topology_match_places_a_pod_where_one_zone_has_room(pair: Pair) -> None:
    """Both nodes have four cpus; one of them as two and two."""
    nodes = ["split", "whole"]
    pod = a_pod("aligned", limits={"cpu": "3", "memory": "1Gi"})
    pair.enable("NodeResourceTopologyMatch")
    assert pair.passing(pod, nodes) == ["whole"]
    assert pair.refusals(pod, nodes) == {"split": "cannot align container"}
    assert pair.passing(a_pod("less", limits={"cpu": "2", "memory": "1Gi"}), nodes) == nodes

    pair.disable("NodeResourceTopologyMatch")
    assert pair.passing(pod, nodes) == nodes
    assert pair.scores(pod, nodes) == {"split": 0, "whole": 0}


def test_r064_node_resources_allocatable_prefers_the_least_or_the_most(pair: Pair) -> None:
    pair.enable("NodeResourcesAllocatable", "score")
    assert pair.ranked(PLAIN, [LARGE, SMALL]) == [SMALL, LARGE]
    pair.configure("NodeResourcesAllocatable", mode="Most")
    assert pair.ranked(PLAIN, [LARGE, SMALL]) == [LARGE, SMALL]
    pair.disable("NodeResourcesAllocatable", "score")
    assert pair.scores(PLAIN, [LARGE, SMALL]) == {LARGE: 0, SMALL: 0}


def test_r065_target_load_packing_fills_up_to_the_target_and_prefers_others_beyond_it(pair: Pair) -> None:
    pair.enable("TargetLoadPacking", "score")
    assert pair.ranked(PLAIN, LOADED) == ["load-35", "load-10", "load-70"], "the target is 40 % unless it is said"
    pair.configure("TargetLoadPacking", targetUtilization=75)
    assert pair.ranked(PLAIN, LOADED) == ["load-70", "load-35", "load-10"]
    pair.disable("TargetLoadPacking", "score")
    assert set(pair.scores(PLAIN, LOADED).values()) == {0}


def test_r066_load_variation_risk_balancing_prefers_low_and_steady_load(pair: Pair) -> None:
    nodes = [BUSY, SWINGING, STEADY]
    pair.enable("LoadVariationRiskBalancing", "score")
    assert pair.ranked(PLAIN, nodes) == [STEADY, SWINGING, BUSY]
    pair.configure("LoadVariationRiskBalancing", safeVarianceMargin=0)
    scores = pair.scores(PLAIN, nodes)
    assert scores[STEADY] == scores[SWINGING] > scores[BUSY], "without a margin only the average counts"
    pair.disable("LoadVariationRiskBalancing", "score")
    assert set(pair.scores(PLAIN, nodes).values()) == {0}


def test_r067_preemption_toleration_shields_a_pod_from_more_important_ones(pair: Pair) -> None:
    preemptor = a_pod("preemptor", cpu="4", spec={"priority": 1000, "priorityClassName": "urgent"})
    proposed = {"mild": ["unshielded-victim"], "stern": ["shielded-victim"]}
    pair.enable("PreemptionToleration", "postFilter")
    assert pair.victims(preemptor, proposed) == {"mild": ["unshielded-victim"]}
    most = a_pod("most", cpu="4", spec={"priority": 10000, "priorityClassName": "urgent"})
    assert pair.victims(most, proposed) == proposed, "the class says who may preempt all the same"
    pair.disable("PreemptionToleration", "postFilter")
    assert pair.victims(preemptor, proposed) == proposed


def test_r068_pod_state_counts_terminating_and_nominated_pods(pair: Pair) -> None:
    nodes = ["spoken-for", "quiet", "leaving"]
    pair.enable("PodState", "score")
    assert pair.ranked(PLAIN, nodes) == ["leaving", "quiet", "spoken-for"]
    pair.disable("PodState", "score")
    assert set(pair.scores(PLAIN, nodes).values()) == {0}


WAITING = {item["metadata"]["name"]: item for item in CLUSTER if item["kind"] == "Pod"}


def test_r069_qos_lets_the_better_class_go_first(pair: Pair) -> None:
    """Room for one of the two that wait; the burstable one was there first."""
    pair.enable("QoS", "filter")
    told = pair.refusals(WAITING["burstable-r069"], ["full-soon"])
    assert told == {"full-soon": "a pod of a higher QoS class is waiting"}
    assert pair.passing(WAITING["guaranteed"], ["full-soon"]) == ["full-soon"]
    pair.disable("QoS", "filter")
    assert pair.passing(WAITING["burstable-r069"], ["full-soon"]) == ["full-soon"]


def test_r070_sysched_prefers_the_node_whose_pods_make_the_same_system_calls(pair: Pair) -> None:
    nodes = ["unlike", "alike"]
    pair.enable("SySched", "score")
    assert pair.ranked(confined("web-1", "web"), nodes) == ["alike", "unlike"]
    assert pair.ranked(confined("odd-1", "odd"), nodes) == ["unlike", "alike"]
    pair.disable("SySched", "score")
    assert set(pair.scores(confined("web-1", "web"), nodes).values()) == {0}


def test_r071_trimaran_switches_the_load_aware_scores_as_a_group(pair: Pair) -> None:
    nodes = [*LOADED, STEADY, SWINGING, BUSY]
    alone: dict[str, dict[str, int]] = {}
    for member in TRIMARAN.members:
        pair.everything_off()
        answer = pair.client.post(f"/api/v1/plugins/{member}/enable", json={"phases": ["score"]})
        if answer.status_code == 200:
            alone[member] = pair.scores(PLAIN, nodes)
    assert {"TargetLoadPacking", "LoadVariationRiskBalancing"} <= set(alone)
    pair.everything_off()
    pair.enable("Trimaran", "score")
    assert pair.scores(PLAIN, nodes) == {node: sum(scores[node] for scores in alone.values()) for node in nodes}
    pair.disable("Trimaran", "score")
    assert set(pair.scores(PLAIN, nodes).values()) == {0}


@pytest.mark.parametrize("switch", ["preFilter", "filter"])
@pytest.mark.parametrize(
    ("plugin", "pod", "nodes"),
    [
        ("Coscheduling", gang_of("outsize")[0], GANG_NODES),
        ("CapacityScheduling", a_pod("too-large", ns="team-a", cpu="5"), ["shared"]),
        ("QoS", None, ["full-soon"]),
    ],
)
def test_r074_prefilter_and_filter_are_two_switches_of_one_check(
    pair: Pair, plugin: str, pod: dict[str, Any] | None, nodes: list[str], switch: str
) -> None:
    """It runs while at least one of the two is on and neither is switched off."""
    pod = pod or WAITING[f"burstable-{switch}"]
    other = {"preFilter": "filter", "filter": "preFilter"}[switch]
    pair.enable(plugin, switch)
    assert pair.passing(pod, nodes) == []
    pair.enable(plugin, other)
    pair.disable(plugin, switch)
    assert seats(pair)[other] == [plugin]
    assert pair.passing(pod, nodes) == nodes
    told = pair.enable(plugin, switch)
    assert told["data"]["warnings"] == []
    assert pair.passing(pod, nodes) == []


def test_r059_r072_all_twelve_are_offered_by_the_running_extender_in_all_nine_phases(pair: Pair) -> None:
    answer = pair.call("GET", "plugins")
    assert answer["supported_plugins"][:12] == [
        *["Rescheduler", "Coscheduling", "CapacityScheduling", "NodeResourceTopologyMatch", "NodeResourcesAllocatable"],
        *["TargetLoadPacking", "LoadVariationRiskBalancing", "PreemptionToleration", "PodState", "QoS", "SySched"],
        "Trimaran",
    ]
    assert answer["supported_phases"][:9] == [
        *["filter", "score", "reserve", "preBind", "preFilter", "postFilter", "permit", "bind", "postBind"],
    ]
