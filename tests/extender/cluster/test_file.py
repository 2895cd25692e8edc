"""A cluster file gives the state all that can be read of it, and a warning with its place for all that cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.cluster import file as file_module
from extender.cluster.file import ClusterFileError, load_cluster_file
from extender.cluster.state import ClusterState


def a(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    group = "v1" if kind in ("Node", "Pod", "Secret") else "scheduling.x-k8s.io/v1alpha1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": "ns"}, **fields}


def a_list(*items: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def load(tmp_path: Path, text: str | bytes) -> tuple[ClusterState, list[str]]:
    path = tmp_path / "cluster"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    state = ClusterState()
    warnings = load_cluster_file(path, state, 1000.0)
    return state, [warning.removeprefix(str(path)) for warning in warnings]


WHOLE = [a("Node", "n1"), a("Pod", "p1", spec={"nodeName": "n1"}), a("ElasticQuota", "q", spec={"max": {"cpu": 1}})]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(a_list(*WHOLE)),
        json.dumps(a_list(*WHOLE), indent=2),
        json.dumps(a_list(WHOLE[0])) + "\n" + json.dumps(a_list(*WHOLE[1:])),
        "\n".join(map(json.dumps, WHOLE)),
        "\n---\n".join(map(json.dumps, WHOLE)),
        json.dumps(WHOLE),
        json.dumps(a_list(a_list(*WHOLE))),
    ],
)
def test_lists_and_documents_in_json_and_yaml_are_the_same(tmp_path: Path, text: str) -> None:
    state, warnings = load(tmp_path, text)
    assert warnings == []
    assert [name for name, _ in state.nodes.items()] == ["n1"]
    assert state.nodes.pod_count[state.nodes.row("n1")] == 1
    assert state.objects == {"ElasticQuota": {"ns/q": WHOLE[2]}}


def test_yaml_with_unquoted_times_is_read_as_kubectl_wrote_it(tmp_path: Path) -> None:
    text = """
apiVersion: v1
kind: Pod
metadata:
  name: p
  namespace: ns
  creationTimestamp: 2024-01-01T00:00:00Z
  deletionTimestamp: 2024-01-02T00:00:00Z
---
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {capacity: {cpu: 4, memory: 1.5Gi}}
"""
    state, warnings = load(tmp_path, text)
    assert warnings == []
    pod = state.find_pod("ns", "p")
    assert pod is not None
    assert (pod.created_at_s, pod.terminating) == (1704067200, True)
    assert state.nodes.capacity_cpu_milli[0] == 4000


def test_items_of_a_typed_list_need_no_kind(tmp_path: Path) -> None:
    bare = {"kind": "NodeList", "items": [{"metadata": {"name": "n1"}}]}
    state, warnings = load(tmp_path, json.dumps(bare))
    assert warnings == []
    assert len(state.nodes) == 1


def test_what_cannot_be_read_is_left_out_alone_and_its_place_is_named(tmp_path: Path) -> None:
    bad = [a("Pod", "odd", spec={"containers": 7}), a("Secret", "s"), 7, None, {"kind": "Node"}, a("Node", "fine")]
    state, warnings = load(tmp_path, json.dumps(a_list(*bad)))
    assert len(state.nodes) == 1
    assert [warning.split(" ")[1] for warning in warnings] == [
        "items[0]:",
        "items[1]:",
        "items[2]:",
        "items[3]:",
        "items[4]:",
    ]
    assert "Pod ns/odd" in warnings[0]
    assert "$.spec.containers" in warnings[0]


def test_documents_before_a_broken_one_count(tmp_path: Path) -> None:
    state, warnings = load(tmp_path, json.dumps(WHOLE[0]) + "\n---\n{ a: [")
    assert len(state.nodes) == 1
    assert "after document 1" in warnings[0]


@pytest.mark.parametrize("text", [b"", b"  \n", b"\x00\x01", b"a: [", b"\xff\xfe\xfd"])
def test_a_file_without_anything_readable_is_an_error_that_says_so(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ClusterFileError):
        load(tmp_path, text)


def test_no_file_and_a_file_beyond_all_measure_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterFileError, match="cannot read"):
        load_cluster_file(tmp_path / "absent", ClusterState(), 0.0)
    monkeypatch.setattr(file_module, "FILE_BYTES_MAX", 10)
    with pytest.raises(ClusterFileError, match="larger"):
        load(tmp_path, json.dumps(WHOLE))


def test_a_yaml_bomb_is_a_warning(tmp_path: Path) -> None:
    lines = ["a: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    for kind in ("kind: Pod", "kind: ElasticQuota\napiVersion: scheduling.x-k8s.io/v1alpha1"):
        bomb = f"{kind}\nmetadata: {{name: p, labels: *bomb}}"
        state, warnings = load(tmp_path, "\n".join(lines).replace("&a39", "&bomb") + "\n" + bomb)
        assert len(warnings) == 1
        assert not state.pods
        assert not state.objects


def test_warnings_are_bounded(tmp_path: Path) -> None:
    _, warnings = load(tmp_path, json.dumps(a_list(*[7] * 500)))
    assert len(warnings) == file_module.WARNINGS_MAX + 1
    assert "400 more" in warnings[-1]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["kind", "items", "metadata", "name", "spec", "status", "apiVersion", "labels", "capacity"]
            ),
            inner | st.sampled_from(["Node", "Pod", "List", "x/v1"]),
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(tree=json_like)
def test_no_document_raises_anything_but_a_cluster_file_error(
    tmp_path_factory: pytest.TempPathFactory, tree: Any
) -> None:
    load(tmp_path_factory.mktemp("odd"), json.dumps(tree))
