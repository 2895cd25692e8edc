"""The sidecar's own judgement of a place: the laws that hold for any pod and any node."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analytics.why.fit import amount, judged, met, tolerates, unmet
from analytics.why.message import parsed
from extender.model.node import Taint
from extender.model.pod import Requirement
from extender.model.resources import Resources, request_k8s
from tests.analytics.cluster.clusters import a_node
from tests.analytics.why.scenes import pod

CPU = st.integers(0, 20_000)
LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3)


def place(asked: int, offered: int, used: int) -> tuple[bool, bool, int]:
    """(never, fits, missing) of CPU in millicores."""
    one = pod(requests={"cpu": f"{asked}m"})
    found = judged(one, request_k8s(one), a_node("n", f"{offered}m"), Resources(cpu_milli=used), ())
    return found.never, found.fits, found.short.get("cpu", 0)


@given(CPU, CPU, CPU)
def test_a_pod_fits_exactly_where_what_it_asks_for_is_left(asked: int, offered: int, used: int) -> None:
    never, fits, missing = place(asked, offered, used)
    assert never == (asked > offered)
    assert fits == (asked == 0 or used + asked <= offered)
    assert missing == (max(0, used + asked - offered) if asked and not never else 0)


@given(CPU, CPU, CPU, CPU)
def test_what_is_said_to_be_missing_is_what_has_to_come_free(asked: int, offered: int, used: int, less: int) -> None:
    _, _, missing = place(asked, offered, used)
    if missing:
        assert place(asked, offered, used - missing)[1]
        assert not place(asked, offered, used - missing + 1)[1]
    if place(asked, offered, used)[1]:
        assert place(asked, offered, max(0, used - less))[1], "a node that is emptier fits as well"


@given(LABELS, st.sampled_from("abc"), st.lists(st.sampled_from("xyz"), min_size=1, max_size=3))
def test_in_and_notin_exists_and_doesnotexist_are_opposites(
    labels: dict[str, str], key: str, values: list[str]
) -> None:
    wanted = tuple(values)
    assert met(Requirement(key, "In", wanted), labels) != met(Requirement(key, "NotIn", wanted), labels)
    assert met(Requirement(key, "Exists"), labels) != met(Requirement(key, "DoesNotExist"), labels)
    assert not met(Requirement(key, "Unheard", wanted), labels)


@given(LABELS, LABELS)
def test_a_node_selector_holds_where_all_its_labels_stand(wanted: dict[str, str], labels: dict[str, str]) -> None:
    one = pod(spec={"nodeSelector": wanted})
    assert (unmet(one, a_node("n", labels=labels)) == "") == (wanted.items() <= labels.items())


def test_gt_and_lt_compare_whole_numbers() -> None:
    assert met(Requirement("gen", "Gt", ("3",)), {"gen": "4"})
    assert not met(Requirement("gen", "Gt", ("3",)), {"gen": "3"})
    assert met(Requirement("gen", "Lt", ("3",)), {"gen": "-1"})
    assert not met(Requirement("gen", "Lt", ("3",)), {"gen": "new"})


def test_tolerations_are_taken_as_kubernetes_takes_them() -> None:
    taint = Taint("dedicated", "gpu", "NoSchedule")

    def with_toleration(**one: str) -> bool:
        return tolerates(pod(spec={"tolerations": [one]}), taint)

    assert with_toleration(operator="Exists")
    assert with_toleration(key="dedicated", operator="Exists")
    assert with_toleration(key="dedicated", value="gpu")
    assert with_toleration(key="dedicated", value="gpu", effect="NoSchedule")
    assert not with_toleration(key="dedicated", value="db")
    assert not with_toleration(key="dedicated", value="gpu", effect="NoExecute")
    assert not with_toleration(key="other", operator="Exists")


REASONS = ("Insufficient cpu", "node(s) had untolerated taint {dedicated: gpu, v2}", "too heavy, 3 much", "busy")


@given(st.lists(st.tuples(st.integers(1, 5000), st.sampled_from(REASONS)), min_size=1, max_size=4))
def test_what_kube_scheduler_counts_is_read_back(told: list[tuple[int, str]]) -> None:
    text = f"0/9999 nodes are available: {', '.join(f'{count} {reason}' for count, reason in told)}."
    found = parsed(f"{text} preemption: 0/9999 nodes are available: 9999 No preemption victims found.")
    assert found.nodes == 9999
    if all(", 3 much" not in reason for _, reason in told):
        assert [(one.nodes, one.text) for one in found.reasons] == told
    assert sum(one.nodes for one in found.reasons) >= sum(count for count, _ in told)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    found = parsed(text)
    assert found.reasons or not text.strip() or found.nodes or "0/" in text


def test_amounts_are_short_and_keep_their_unit() -> None:
    told = [amount("cpu", 1500), amount("cpu", 2000), amount("memory", 3 << 30), amount("memory", 512 << 20)]
    assert told == ["1500m", "2", "3Gi", "512Mi"]
    assert (amount("nvidia.com/gpu", 2), amount("memory", 0)) == ("2", "0")
