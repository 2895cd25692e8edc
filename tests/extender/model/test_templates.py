"""Answers by template are those of the pod at hand, and are worked out once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from extender.model.pod import Container, Pod
from extender.model.templates import TEMPLATES_MOST, once_per_template

PARTS = ("containers", "init_containers", "overhead", "requests", "limits", "qos_class")
RESOURCES = st.fixed_dictionaries({"cpu": st.sampled_from(["1", "2"])})
CONTAINERS = st.lists(st.builds(Container, requests=RESOURCES), min_size=1, max_size=2).map(tuple)
CHANGES = st.one_of(
    st.fixed_dictionaries({"containers": CONTAINERS}),
    st.fixed_dictionaries({"init_containers": CONTAINERS}),
    *(st.fixed_dictionaries({part: RESOURCES}) for part in ("overhead", "requests", "limits")),
    st.fixed_dictionaries({"qos_class": st.sampled_from(["Guaranteed", "Burstable"])}),
    st.fixed_dictionaries({"name": st.sampled_from(["b", "c"])}),
)


def told(pod: Pod) -> str:
    return repr([getattr(pod, part) for part in PARTS])


@given(st.lists(CHANGES, max_size=12))
def test_a_pod_is_told_what_its_own_parts_say(changes: list[dict[str, object]]) -> None:
    known = once_per_template(told)
    pod = Pod(namespace="ns", name="a", uid="a", containers=(Container(),))
    for change in changes:
        pod = replace(pod, **change)
        assert known(pod) == told(pod)


def test_pods_that_share_their_parts_share_the_answer() -> None:
    asked = []

    def counted(pod: Pod) -> int:
        asked.append(pod.name)
        return len(asked)

    known = once_per_template(counted)
    first = Pod(namespace="ns", name="a", uid="a", containers=(Container(),))
    assert [known(replace(first, name=name)) for name in "abc"] == [1, 1, 1]
    others = [replace(first, containers=(Container(name=f"{i}"),)) for i in range(3 * TEMPLATES_MOST)]
    assert [known(pod) for pod in others] == list(range(2, len(others) + 2))
    assert known(first) == len(others) + 2, "what is not asked for makes room"
