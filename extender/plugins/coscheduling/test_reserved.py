from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Container, NodeTable, Pod
from extender.plugins.coscheduling.book import GangBook
from extender.plugins.coscheduling.gang import Gang, Slot
from extender.plugins.coscheduling.pod_group import LABEL
from extender.plugins.coscheduling.reserved import Promises
from extender.plugins.coscheduling.shape import shape_of
from tests.thorough import thorough

NODES = ("n0", "n1", "n2", "n3")
CPU, GPU = 0, 4


def a_pod(uid: str, cpu: int = 1, gpu: int = 0) -> Pod:
    requests: dict[str, str | int | float] = {"cpu": str(cpu)}
    if gpu:
        requests["x/gpu"] = str(gpu)
    return Pod(namespace="ns", name=uid, uid=uid, labels={LABEL: "g"}, containers=(Container(requests=requests),))


def plain(gangs: list[Gang], table: NodeTable, priority: int | None) -> list[list[int]]:
    """The sum, place by place."""
    total = [[0] * len(table.resources) for _row in range(table.rows)]
    for gang in gangs:
        sent = {slot.uid for slot in gang.slots}
        places = [(s.node, s.shape.pod, s.uid in gang.placed) for s in gang.slots]
        places += [(node, gang.members[uid], True) for uid, node in gang.placed.items() if uid not in sent]
        for node, pod, placed in places:
            row, gpu = table.row(node), int(pod.containers[0].requests.get("x/gpu", 0))
            if row < 0 or not (placed or priority is None or gang.priority >= priority):
                continue
            if gpu and "x/gpu" not in table.resources:
                continue
            total[row][CPU] += 1000 * int(pod.containers[0].requests["cpu"])
            total[row][3] += 1
            if gpu:
                total[row][GPU] += gpu
    return total


def told(found: object) -> list[list[int]]:
    return found.tolist()  # type: ignore[attr-defined, no-any-return]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["plan", "arrive", "forget", "node", "gpu", "priority"]),
        st.integers(0, 2),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=25,
)


def add(table: NodeTable, name: str) -> None:
    table.allocatable[table.add(name), :4] = [2000, 0, 0, 10]


def change(table: NodeTable, gang: Gang, what: str, uid: str, i: int, j: int) -> None:
    match what:
        case "plan":
            gang.slots = [Slot(NODES[(i + k) % 4], shape_of(a_pod("any", 1 + k % 2, k % 3))) for k in range(j)]
        case "arrive":
            gang.members[uid], gang.placed[uid] = a_pod(uid, 1 + j % 2, j % 3), NODES[i]
            if j and gang.slots:
                gang.slots[0].uid = uid
        case "forget":
            gang.slots, gang.placed = [], {}
        case "node":
            if table.remove(NODES[i]) < 0:
                add(table, NODES[i])
        case "gpu":
            table.add_resource("x/gpu")
        case _:
            gang.priority = j


def agree(promises: Promises, gangs: list[Gang], one: Gang, table: NodeTable) -> None:
    nothing = plain([], table, None)
    for priority in (None, 0, 1, 2, 3):
        total, rest = promises.total(table, priority), promises.beside(one, table, priority)
        assert (nothing if total is None else told(total)) == plain(gangs, table, priority)
        others = [gang for gang in gangs if gang is not one]
        assert (nothing if rest is None else told(rest)) == plain(others, table, priority)
    short = promises.misfits(table)
    assert {gang.key for gang in short} == {gang.key for gang in gangs if not promises.fits(gang, table)}
    below = {gang.key for gang in promises.misfits(table, below=2)}
    assert below == {gang.key for gang in short if gang.priority < 2}


@thorough
@given(CHANGES)
def test_the_sum_that_is_kept_is_the_sum_of_all_places(changes: list[tuple[str, int, int, int]]) -> None:
    table, promises = NodeTable(), Promises()
    for name in NODES:
        add(table, name)
    gangs = [Gang(f"ns/g{i}") for i in range(3)]
    for step, (what, which, i, j) in enumerate(changes):
        change(table, gangs[which], what, f"{which}-{step}", i, j)
        promises.note(gangs[which])
        if j != 1:  # else several changes at once
            agree(promises, gangs, gangs[which], table)


def test_what_a_bound_member_says_of_itself_uses_up_no_place_of_its_siblings() -> None:
    book = GangBook()
    found = {"metadata": {"name": "g", "uid": "g"}, "spec": {"minMember": 3}}
    book.object_changed("PodGroup", "ns/g", None, found)
    pods = [a_pod(f"p{i}") for i in range(3)]
    for pod in pods:
        book.pod_changed(None, pod)
    stands = Pod(**{field: getattr(pods[0], field) for field in pods[0].__struct_fields__} | {"node_name": "n0"})
    book.pod_changed(pods[0], stands)
    gang = book.gang("ns/g")
    assert gang is not None
    table = NodeTable()
    table.allocatable[table.add("n0")] = [8000, 0, 0, 10]
    book.set_plan(gang, [Slot("n0", shape_of(pods[1])), Slot("n0", shape_of(pods[2]))], table)
    book.pod_changed(stands, stands)
    assert len(gang.slots) == 2


def test_a_pod_that_belongs_to_no_gang_gives_nothing_back() -> None:
    book = GangBook()
    book.release("nobody")
    assert list(book.busy()) == []
