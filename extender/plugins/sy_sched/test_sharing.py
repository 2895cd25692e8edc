"""SySched: what a pod would share, whatever happened before, equals the sum its page writes down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import CaseView, Cycle, NodeTable, Pod
from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins.sy_sched import PLUGIN
from extender.plugins.sy_sched.book import EXPOSURES_MAX, KIND, SyscallBook
from extender.plugins.sy_sched.kernel import NEVER
from extender.plugins.sy_sched.paths import MARK, profile_at, wanted_by
from extender.plugins.sy_sched.profiles import SYSCALLS_MAX, Profiles
from tests.thorough import thorough

NODES = ("n0", "n1", "n2")


@pytest.fixture(scope="module")
def compiled(kernels: Path) -> CompiledPlugin:
    return compile_all([PLUGIN], kernels)["SySched"]


def a_profile(*names: str, action: str = "SCMP_ACT_ALLOW") -> dict[str, Any]:
    return {"spec": {"syscalls": [{"action": action, "names": list(names)}]}}


def a_pod(name: str, *profiles: str, uid: str = "", **fields: Any) -> Pod:
    paths = tuple(f"operator/{profile}.json" for profile in profiles)
    return Pod(**{"namespace": "ns", "name": name, "uid": uid or name, "seccomp_paths": paths, **fields})


def running(name: str, node: str, *profiles: str, **fields: Any) -> Pod:
    return a_pod(name, *profiles, node_name=node, phase="Running", **fields)


def a_book(**profiles: tuple[str, ...]) -> SyscallBook:
    book = SyscallBook()
    for name, calls in profiles.items():
        book.object_changed(KIND, f"d/{name}", None, a_profile(*calls))
    return book


def a_table() -> NodeTable:
    table = NodeTable()
    for name in NODES:
        table.add(name)
    return table


def scored(
    compiled: CompiledPlugin, book: SyscallBook, pod: Pod, memo: dict[str, Any], table: NodeTable, **args: Any
) -> tuple[list[int], list[int]]:
    decoded, problems = args_of(PLUGIN, args)
    assert problems == []
    cycle = Cycle(
        pod=pod,
        nodes=table,
        rows=np.array([table.row(name) for name in NODES], np.int32),
        args=decoded,
        book=book,
        memo=memo,
        pods={},
        nominated={},
        objects={},
        assignments=(),
    )
    raw = np.zeros(len(NODES), np.int64)
    compiled.score_rows(cycle, raw)
    return raw.tolist(), compiled.normalize(raw).tolist()


def test_golden_scores(compiled: CompiledPlugin) -> None:
    book = a_book(x=("a", "b"), z=("a", "c"))
    book.pod_changed(None, running("q", "n0", "d/z"))
    assert scored(compiled, book, a_pod("p", "d/x"), {}, a_table()) == ([2, 0, 0], [0, 100, 100])
    assert scored(compiled, book, a_pod("p", "d/z"), {}, a_table()) == ([0, 0, 0], [100, 100, 100])


def test_a_pod_of_which_no_call_is_known_likes_all_nodes_alike(compiled: CompiledPlugin) -> None:
    book = a_book(z=("a",))
    book.pod_changed(None, running("q", "n0", "d/z"))
    assert scored(compiled, book, a_pod("p", "d/gone"), {}, a_table()) == ([NEVER] * 3, [100] * 3)


def test_the_default_profile_stands_in_for_none(compiled: CompiledPlugin) -> None:
    book = a_book(z=("a",), all=("a", "b", "c"))
    book.pod_changed(None, running("q", "n0", "d/z"))
    args = {"defaultProfileNamespace": "d", "defaultProfileName": "all"}
    assert scored(compiled, book, a_pod("p"), {}, a_table(), **args)[0] == [2, 0, 0]
    assert scored(compiled, book, a_pod("p", "d/gone"), {}, a_table(), **args)[0] == [2, 0, 0]


@pytest.mark.parametrize(
    ("path", "profile"),
    [
        ("localhost/operator/default/z-seccomp.json", "default/z-seccomp"),
        ("operator/ns/name.json", "ns/name"),
        ("ns/name", "ns/name"),
        ("/x/ns/prof.json.json", "ns/prof.json"),
        ("ns/trailing.", "ns/trailing"),
        ("name.json", None),
        ("", None),
        ("a/", None),
        ("/name", None),
        ("x/.json", None),
    ],
)
def test_a_path_names_a_profile_by_its_last_two_parts(path: str, profile: str | None) -> None:
    assert profile_at(path) == profile


def test_of_annotations_the_first_that_exists_counts_and_nonsense_ends_the_search(compiled: CompiledPlugin) -> None:
    book = a_book(y=("b",), z=("a",))
    exposure = book.exposure("d/none", exact=False)

    def calls(**notes: str) -> list[str]:
        annotations = {f"{key}.{MARK}/c": path for key, path in notes.items()}
        return book.profiles.names_of(exposure.calls_of(a_pod("p", annotations=annotations)))

    assert calls(a="d/z", b="d/y") == ["a"]
    assert calls(b="d/z", a="d/y") == ["b"]
    assert calls(a="d/gone", b="d/y") == ["b"]
    assert calls(a="nonsense", b="d/y") == []
    assert wanted_by(a_pod("p", annotations={"other": "d/y"}), with_init=False).all == ()


def test_namesakes_on_one_node_are_one_to_upstream_and_two_to_us(compiled: CompiledPlugin) -> None:
    book = a_book(x=("a",), y=("b",), z=("c",))
    first, second = running("q", "n0", "d/x", uid="1"), running("q", "n0", "d/y", uid="2", namespace="other")
    book.pod_changed(None, first)
    book.pod_changed(None, second)
    pod = a_pod("p", "d/z")
    assert scored(compiled, book, pod, {}, a_table())[0][0] == 1 + 1
    assert scored(compiled, book, pod, {}, a_table(), exactPods=True)[0][0] == 2 + 2 + 2
    book.pod_changed(second, None)
    assert scored(compiled, book, pod, {}, a_table())[0][0] == 0
    assert scored(compiled, book, pod, {}, a_table(), exactPods=True)[0][0] == 1 + 1


def test_a_pod_counts_from_running_or_after_a_host_ip_and_exactly_from_its_binding(compiled: CompiledPlugin) -> None:
    book, pod = a_book(x=("a",), z=("c",)), a_pod("p", "d/z")
    bound = a_pod("q", "d/x", node_name="n0")
    accepted = a_pod("q", "d/x", node_name="n0", host_ip="10.0.0.1")
    book.pod_changed(None, bound)
    assert scored(compiled, book, pod, {}, a_table())[0][0] == 0
    assert scored(compiled, book, pod, {}, a_table(), exactPods=True)[0][0] == 2
    book.pod_changed(bound, accepted)
    assert scored(compiled, book, pod, {}, a_table())[0][0] == 0
    book.pod_changed(accepted, accepted)
    assert scored(compiled, book, pod, {}, a_table())[0][0] == 2


def test_init_containers_count_only_exactly() -> None:
    book = a_book(x=("a",), y=("b",))
    pod = a_pod("p", "d/x", init_seccomp_paths=("d/y",))
    assert book.profiles.names_of(book.exposure("", exact=False).calls_of(pod)) == ["a"]
    assert book.profiles.names_of(book.exposure("", exact=True).calls_of(pod)) == ["a", "b"]


@pytest.mark.parametrize(
    "broken",
    [
        {"spec": []},
        {"spec": {"syscalls": {}}},
        {"spec": {"syscalls": [{"names": "read"}]}},
        {"spec": {"syscalls": [1]}},
    ],
)
def test_a_malformed_profile_counts_as_missing_and_says_why(broken: dict[str, Any]) -> None:
    book = a_book(x=("a",))
    book.object_changed(KIND, "d/x", {}, broken)
    assert "spec" in book.problems["d/x"]
    assert book.profiles.calls("d/x") is None
    book.object_changed(KIND, "d/x", broken, a_profile("a"))
    assert not book.problems


def test_more_calls_than_any_system_has_are_refused_and_room_comes_back() -> None:
    profiles = Profiles()
    assert profiles.put("d/a", a_profile(*(f"c{i}" for i in range(SYSCALLS_MAX))))
    assert not profiles.put("d/b", a_profile("one more"))
    assert "more than 4096" in profiles.problems["d/b"]
    assert profiles.put("d/a", a_profile("c1"))
    assert profiles.put("d/b", a_profile("one more"))
    assert not profiles.problems
    assert profiles.width == 2


def test_actions_that_allow_nothing_add_nothing() -> None:
    profiles = Profiles()
    profiles.put("d/a", a_profile("a", action="SCMP_ACT_TRACE"))
    assert profiles.calls("d/a") == 0
    profiles.put("d/a", a_profile("a", action="SCMP_ACT_LOG"))
    assert profiles.names_of(profiles.calls("d/a") or 0) == ["a"]


def test_only_so_many_arguments_are_followed() -> None:
    book = a_book(x=("a",))
    first = book.exposure("d/0", exact=False)
    for i in range(1, EXPOSURES_MAX + 1):
        book.exposure(f"d/{i}", exact=False)
    assert book.exposure("d/0", exact=False) is not first


def test_a_case_names_pods_that_leave_by_namespace_name_and_node(compiled: CompiledPlugin) -> None:
    assert PLUGIN.case_answers
    args, _problems = args_of(PLUGIN, {})
    cycle = Cycle(a_pod("p"), a_table(), np.zeros(0, np.int32), args, None, {}, {}, {}, {}, ())
    view = CaseView({"deletedAfterwards": ["q"]}, args, SyscallBook(), cycle)
    with pytest.raises(ValueError, match="namespace/name@node"):
        PLUGIN.case_answers(view)


# The page's own words, told step by step to a plain list of pods.

CALLS = st.lists(st.sampled_from("abcdef"), max_size=4).map(tuple)
NAMES = st.sampled_from(["q", "r", "s"])
STEPS = st.lists(
    st.tuples(st.just("profile"), st.sampled_from("xyz"), CALLS)
    | st.tuples(st.just("no profile"), st.sampled_from("xyz"))
    | st.tuples(
        st.just("run"), NAMES, st.sampled_from(["ns", "other"]), st.sampled_from(NODES), st.sampled_from("xyzw")
    )
    | st.tuples(st.just("end"), NAMES, st.sampled_from(["ns", "other"]))
    | st.tuples(st.just("row"), st.sampled_from(NODES))
    | st.tuples(st.just("look"), st.sampled_from("xyzw")),
    max_size=30,
)


class Plain:
    """Sets of names, and a list of pods per node."""

    def __init__(self, *, exact: bool) -> None:
        self.exact = exact
        self.profiles: dict[str, set[str]] = {}
        self.nodes: dict[str, list[Pod]] = {node: [] for node in NODES}

    def key(self, pod: Pod) -> str:
        return pod.uid if self.exact else pod.name

    def run(self, pod: Pod) -> None:
        there = self.nodes[pod.node_name]
        if self.key(pod) not in map(self.key, there):
            there.append(pod)

    def end(self, pod: Pod) -> None:
        there = self.nodes[pod.node_name]
        there[:] = [other for other in there if self.key(other) != self.key(pod)]

    def calls(self, pod: Pod) -> set[str]:
        named = [path.removeprefix("operator/d/").removesuffix(".json") for path in pod.seccomp_paths]
        found: set[str] = set().union(*(self.profiles.get(name, set()) for name in named))
        return found or self.profiles.get("z", set())

    def score(self, pod: Pod, node: str) -> int:
        own, there = self.calls(pod), [self.calls(q) for q in self.nodes[node]]
        if not own:
            return NEVER
        exposed = set().union(*there)
        return len(exposed - own) + sum(len((exposed | own) - q) for q in there)


@thorough
@given(steps=STEPS, exact=st.booleans())
def test_the_compiled_plugin_equals_the_plain_sum_after_any_history(
    compiled: CompiledPlugin,
    steps: list[tuple[Any, ...]],
    exact: bool,  # noqa: FBT001
) -> None:
    book, plain, table = SyscallBook(), Plain(exact=exact), a_table()
    memo: dict[str, Any] = {}
    alive: dict[tuple[str, str], Pod] = {}
    args = {"defaultProfileNamespace": "d", "defaultProfileName": "z", "exactPods": exact}
    for i, step in enumerate([*steps, ("look", "x")]):
        match step:
            case ("profile", name, calls):
                plain.profiles[name] = set(calls)
                book.object_changed(KIND, f"d/{name}", None, a_profile(*calls))
            case ("no profile", name):
                plain.profiles.pop(name, None)
                book.object_changed(KIND, f"d/{name}", {}, None)
            case ("run", name, namespace, node, profile) if (name, namespace) not in alive:
                pod = running(name, node, f"d/{profile}", namespace=namespace, uid=f"u{i}")
                alive[name, namespace] = pod
                plain.run(pod)
                book.pod_changed(None, pod)
            case ("end", name, namespace) if (name, namespace) in alive:
                pod = alive.pop((name, namespace))
                plain.end(pod)
                book.pod_changed(pod, None)
            case ("row", node):
                # Its row may be another's from now on.
                table.remove(node)
                for name in NODES:
                    table.add(name)
            case ("look", profile):
                pod = a_pod("p", f"d/{profile}")
                expected = [plain.score(pod, node) for node in NODES]
                assert scored(compiled, book, pod, memo, table, **args)[0] == expected


def test_what_is_followed_does_not_grow_with_nodes_that_left(compiled: CompiledPlugin) -> None:
    book, memo, table = a_book(x=("a",)), dict[str, Any](), a_table()
    exposure = book.exposure("default/all-syscalls", exact=False)
    for i in range(500):
        pod = running("q", f"gone{i}", "d/x")
        book.pod_changed(None, pod)
        book.pod_changed(pod, None)
    assert len(exposure.stamps) < 200
    assert isinstance(book.problems, Mapping)
    book.pod_changed(None, running("q", "n1", "d/x"))
    assert scored(compiled, book, a_pod("p", "d/x"), memo, table)[0] == [0, 0, 0]
