"""R-122, R-123: patterns and unusual behaviour, learnt from the log itself and the same in any order."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.audit import Anomalies, AuditEvent, Context, Latencies, analyze, patterns_in, read_event
from analytics.audit.example import BEGIN_US
from analytics.audit.hours import LEAST, Hours, limit_of
from analytics.audit.tally import Tally
from tests.analytics.audit.examples import corpus, evictions, made

SCHEDULER = "system:kube-scheduler"
HOUR_S, DAY_S = 3600, 86_400
EVENTS = [read_event(event) for event in corpus().events]


def bindings(name: str, count: int, node: str, namespace: str = "team-a") -> list[AuditEvent]:
    return made(name, verb="create", user=SCHEDULER, object=f"pods/{namespace}/{name}-#/binding", repeat=count,
                request={"target": {"name": node}})  # fmt: skip


def many_nodes() -> list[AuditEvent]:
    return [event for number in range(8) for event in bindings(f"o{number}", 1, f"other-{number}", "team-b")]


def drain() -> list[AuditEvent]:
    off = {"spec": {"unschedulable": True}}
    cordons = [
        *made("c1", verb="patch", user="alice", object="nodes/-/node-1", request=off),
        *made("c2", at=60, verb="patch", user="alice", object="nodes/-/node-2", request=off),
    ]  # fmt: skip
    return [*cordons, *made("ev", at=90, verb="create", user="alice", object="pods/shop/web-#/eviction", repeat=5)]


PATTERNS: dict[str, tuple[list[AuditEvent], list[AuditEvent]]] = {
    "node_concentration": (
        [*bindings("p", 12, "node-3"), *many_nodes()],
        [*bindings("p", 6, "node-3"), *bindings("q", 9, "node-4"), *many_nodes()],
    ),
    "pod_churn": (
        [*made("c", verb="create", user="alice", object="pods/a/web-#", repeat=12),
         *made("d", verb="delete", user="alice", object="pods/a/web-#", repeat=12)],
        made("c", verb="create", user="alice", object="pods/a/web-#", repeat=12),
    ),
    "periodic_creation": (
        made("c", verb="create", user="alice", object="pods/a/job-#", repeat=8, every=300),
        [event for at in (0, 300, 900, 1000, 2000, 2030, 4000)
         for event in made(f"c{at}", at=at, verb="create", user="alice", object=f"pods/a/job-{at}")],
    ),
    "eviction_wave": (evictions(12), evictions(12, every=30)),
    "node_drain": (drain(), drain()[2:]),
    "preemption": (
        made("n", verb="patch", user=SCHEDULER, object="pods/a/p-#/status", repeat=6,
             request={"status": {"nominatedNodeName": "node-1"}}),
        made("n", verb="patch", user="mallory", object="pods/a/p-#/status", repeat=6,
             request={"status": {"nominatedNodeName": "node-1"}}),
    ),
    "unschedulable_retry": (
        made("u", verb="patch", user=SCHEDULER, object="pods/a/p-0/status", repeat=11, every=9,
             request={"status": {"conditions": [{"type": "PodScheduled", "status": "False"}]}}),
        made("u", verb="patch", user=SCHEDULER, object="pods/a/p-0/status", repeat=11, every=9,
             request={"status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}}),
    ),
    "scheduler_bypass": (
        made("b", verb="create", user="alice", object="pods/a/p-#", repeat=3, request={"spec": {"nodeName": "node-1"}}),
        made("b", verb="create", user="system:node:node-1", object="pods/kube-system/p-#", repeat=3,
             request={"spec": {"nodeName": "node-1"}}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PATTERNS)
def test_r122_a_pattern_is_found_where_it_is_and_not_where_it_is_not(kind: str) -> None:
    there, absent = PATTERNS[kind]
    (found,) = [pattern for pattern in patterns_in(there) if pattern.kind == kind]
    assert found.first_seen <= found.last_seen
    assert found.id
    assert kind not in {pattern.kind for pattern in patterns_in(absent)}


@pytest.mark.parametrize("kind", PATTERNS)
@given(data=st.data())
@settings(max_examples=20)
def test_a_pattern_is_the_same_in_any_order_and_however_often_its_events_come(kind: str, data: st.DataObject) -> None:
    events, _ = PATTERNS[kind]
    again = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=10))]))
    assert patterns_in(again) == patterns_in(events)


@given(data=st.data())
@settings(max_examples=30)
def test_what_was_refused_is_part_of_no_pattern(data: st.DataObject) -> None:
    events, _ = PATTERNS[data.draw(st.sampled_from(sorted(PATTERNS)))]
    assert patterns_in(msgspec.structs.replace(event, code=403) for event in events) == []


def test_r126_an_analysis_of_a_whole_log_holds_what_its_parts_say() -> None:
    start, end = EVENTS[0].at_us, EVENTS[-1].at_us + 1
    whole = analyze(EVENTS, start, end)
    assert whole.patterns == patterns_in(EVENTS)
    middle = (start + end) // 2
    parts = [analyze(EVENTS, start, middle), analyze(EVENTS, middle, end)]
    assert sum(part.total_bindings for part in parts) == whole.total_bindings
    assert sum(len(part.violations) for part in parts) == len(whole.violations)
    twice = analyze([event for event in EVENTS for _ in range(2)], start, end)
    assert twice == whole
    with pytest.raises(ValueError, match="before it begins"):
        analyze(EVENTS, end, start)


# ---- unusual


def unusual(events: list[AuditEvent], rule: str) -> list[str]:
    anomalies = Anomalies(Context())
    return [finding.description for event in events for finding in anomalies.see(event) if finding.rule == rule]


def habit(days: float = 3, **given_: object) -> list[AuditEvent]:
    said = {"verb": "get", "user": "alice", "object": "pods/team-a/web-0"} | given_
    return made("habit", repeat=int(days * 24 * 6), every=600, **said)


AFTER = 3 * DAY_S + 60
CHANGES: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "ANO-02": ({"address": "203.0.113.9"}, {"address": "10.0.0.200"}),
    "ANO-03": ({"object": "pods/team-b/web-0"}, {"object": "pods/team-a/other"}),
}


@pytest.mark.parametrize("rule", CHANGES)
def test_r123_what_a_user_never_did_before_is_told_once_and_what_it_does_always_is_not(rule: str) -> None:
    new, usual = CHANGES[rule]
    base = {"verb": "get", "user": "alice", "object": "pods/team-a/web-0", "at": AFTER, "repeat": 3}
    assert len(unusual([*habit(), *made("new", **(base | new))], rule)) == 1
    assert unusual([*habit(), *made("usual", **(base | usual))], rule) == []


@pytest.mark.parametrize("rule", CHANGES)
def test_nothing_is_unusual_of_a_user_who_is_not_known_yet(rule: str) -> None:
    new = {"verb": "get", "user": "alice", "object": "pods/team-a/web-0", "at": HOUR_S * 5} | CHANGES[rule][0]
    assert unusual([*habit(days=0.2), *made("new", **new)], rule) == []


def test_r123_an_hour_with_far_more_requests_than_any_before_is_told_once() -> None:
    burst = made("burst", verb="get", user="alice", object="pods/team-a/web-0", at=AFTER, repeat=200, every=1)
    assert len(unusual([*habit(), *burst], "ANO-01")) == 1
    assert unusual([*habit(), *burst[:20]], "ANO-01") == []


def test_r123_a_person_at_night_is_told_and_a_program_is_not() -> None:
    """Ten days at the same hours, and then ten hours later."""
    for user, told in (("alice", 1), ("system:serviceaccount:team-a:web", 0)):
        days = [
            event
            for day in range(10)
            for event in made(f"d{day}", at=day * DAY_S, verb="get", user=user, object="pods/a/b", repeat=30, every=60)
        ]
        night = made("night", at=9 * DAY_S + 10 * HOUR_S, verb="get", user=user, object="pods/a/b")
        assert len(unusual([*days, *night], "ANO-05")) == told


def test_changes_in_a_tenants_namespaces_are_counted_together() -> None:
    context = Context(tenant_of={"a-dev": "a", "a-prod": "a"}.get)
    usual = made("u", verb="patch", user="ci", object="deployments.apps/a-dev/web", repeat=72, every=3600)
    flood = [
        event
        for space in ("a-dev", "a-prod")
        for event in made(f"f{space}", at=73 * HOUR_S, verb="patch", user=f"ci-{space}",
                          object=f"deployments.apps/{space}/web", repeat=20, every=1)
    ]  # fmt: skip
    anomalies = Anomalies(context)
    told = [finding for event in [*usual, *flood] for finding in anomalies.see(event) if finding.rule == "ANO-04"]
    assert len(told) == 1
    assert "changes in a:" in told[0].description


@given(copies=st.integers(2, 3))
@settings(max_examples=3, deadline=None)
def test_events_that_come_again_are_nothing_unusual(copies: int) -> None:
    anomalies, once = Anomalies(Context()), Anomalies(Context())
    told = [finding for event in EVENTS[:2000] for _ in range(copies) for finding in anomalies.see(event)]
    assert told == [finding for event in EVENTS[:2000] for finding in once.see(event)]


COUNTS = st.lists(st.integers(0, 5000), min_size=1, max_size=168)


@given(counts=COUNTS, more=st.integers(0, 1000))
def test_what_is_usual_lies_above_the_median_by_30_and_moves_with_the_counts(counts: list[int], more: int) -> None:
    known = np.array(counts, np.int64)
    assert limit_of(known) >= float(np.median(known)) + 30
    assert limit_of(known + more) >= limit_of(known) + more


@given(count=st.integers(0, 200), hours=st.integers(LEAST, 160))
@settings(max_examples=30)
def test_an_hour_like_all_others_is_never_unusual(count: int, hours: int) -> None:
    known = Hours(0)
    for hour in range(hours):
        for _ in range(count):
            so_far, most = known.add(hour)
            assert so_far <= most


# ---- the time that pods wait


@given(wait_ms=st.integers(-5000, 60_000), order=st.permutations([0, 1]))
def test_a_pods_wait_is_the_same_whichever_half_comes_first_and_never_negative(wait_ms: int, order: list[int]) -> None:
    (born,) = made("c", verb="create", user="alice", object="pods/a/p", at=100)
    (bound,) = made("b", verb="create", user=SCHEDULER, object="pods/a/p/binding", at=100 + wait_ms / 1000)
    latencies = Latencies()
    first, second = ((born, bound)[number] for number in order)
    assert latencies.see(first) is None
    assert latencies.see(second) == pytest.approx(max(0, wait_ms))
    assert latencies.skewed == (wait_ms < 0)
    assert len(latencies) == 0


@given(times=st.lists(st.integers(0, 10**9), min_size=1, max_size=60), within=st.integers(0, 10**8))
def test_a_tally_is_the_same_in_any_order(times: list[int], within: int) -> None:
    one, other = Tally(), Tally()
    for at in times:
        one.add(BEGIN_US + at)
    for at in sorted(times, reverse=True):
        other.add(BEGIN_US + at)
    assert (one.count, one.first_us, one.last_us) == (other.count, other.first_us, other.last_us)
    assert one.densest(within) == other.densest(within) <= len(times)
    assert one.period_us(1, 3, 0.1) == other.period_us(1, 3, 0.1)
