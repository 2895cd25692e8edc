"""What the audit analyzer answers: the required shapes, exactly, and ours."""

from __future__ import annotations

import asyncio

import pytest

from analytics.audit import KINDS, shipped_rules
from analytics.control.access import ApiKey
from analytics.ingest.audit import metrics
from analytics.store.tables import DecisionRow
from analytics.views.audit.context import context_of
from analytics.views.sources import ToolSettings
from tests.analytics.audit_io.a_console import Bench
from tests.analytics.audit_io.events import at, bound, created, entered, event, us
from tests.analytics.store.rows import call

RANGE = f"start={at(-60)}&end={at(3600)}"


@pytest.fixture
def bench(store, tmp_path):
    return Bench(store, tmp_path)


@pytest.fixture
def heard(bench):
    """Two pods, the second bound by a stranger; an exec; a refusal."""
    bench.hear(
        created("web-0", seconds=0, id="c0"),
        bound("web-0", "node-3", seconds=1.25, id="a1"),
        created("web-1", seconds=2, id="c1"),
        bound("web-1", "node-4", seconds=2.5, id="a2", user="mallory"),
        entered("web-1", seconds=10, id="e1"),
    )
    return bench


def test_r127_events(heard):
    data = heard.get(f"/api/audit/events?{RANGE}")
    assert set(data) == {"events", "total"}
    assert data["total"] == 5
    assert [one["id"] for one in data["events"]] == ["e1", "a2", "c1", "a1", "c0"]
    assert data["events"][3] == {
        "id": "a1", "time": "2026-01-02T03:04:06.250000Z", "kind": "binding", "verb": "create",
        "user": "system:kube-scheduler", "namespace": "team-a", "pod": "web-0", "node": "node-3",
        "latency_ms": 1250.0, "code": 201,
    }  # fmt: skip


def test_r127_time_and_limit_narrow_and_continue_goes_on(heard):
    assert [one["id"] for one in heard.get(f"/api/audit/events?start={at(2)}&end={at(10)}")["events"]] == ["a2", "c1"]
    seen, token = [], ""
    while True:
        page = heard.get(f"/api/audit/events?limit=2{token and f'&continue={token}'}")
        assert page["total"] == 5
        seen += [one["id"] for one in page["events"]]
        if "continue" not in page:
            break
        token = page["continue"]
    assert seen == ["e1", "a2", "c1", "a1", "c0"]


def test_r128_violations(heard):
    data = heard.get(f"/api/audit/violations?{RANGE}&severity=critical")
    assert set(data) == {"violations", "total"}
    assert data["total"] == 1
    (one,) = data["violations"]
    assert set(one) == {"id", "rule", "severity", "time", "user", "object", "description", "event_ids"}
    assert (one["rule"], one["severity"], one["user"]) == ("SCH-02", "critical", "mallory")
    assert one["object"].startswith("pods/team-a/web-1")
    assert one["event_ids"] == ["a2"]
    assert one["time"] == "2026-01-02T03:04:07.500000Z"
    both = heard.get("/api/audit/violations?severity=critical,medium,high,low")["violations"]
    assert {one["rule"] for one in both} >= {"SCH-02", "SCH-17"}


def test_r129_patterns(bench):
    for at_s in range(20):
        bench.hear(created(f"web-{at_s}", seconds=at_s), bound(f"web-{at_s}", "node-3", seconds=at_s + 0.5))
    bench.hear(*(bound(f"other-{at_s}", f"node-{10 + at_s}", seconds=at_s) for at_s in range(7)))
    data = bench.get(f"/api/audit/patterns?{RANGE}")
    assert set(data) == {"patterns", "total"}
    assert data["total"] == len(data["patterns"]) >= 1
    for one in data["patterns"]:
        assert set(one) == {"id", "kind", "description", "count", "first_seen", "last_seen"}
    (concentration,) = [one for one in data["patterns"] if one["kind"] == "node_concentration"]
    assert concentration["count"] == 20
    assert concentration["first_seen"] < concentration["last_seen"] <= "2026-01-02T03:04:25Z"


def test_r126_r130_an_analysis_of_a_time_range(heard):
    body = heard.post("/api/audit/analyze", {"start": at(-60), "end": at(3600)})
    assert body["status"] == "success"
    data = body["data"]
    assert set(data) == {"time_range", "summary", "security_violations", "scheduling_patterns"}
    assert data["time_range"] == {"start": at(-60), "end": at(3600)}
    assert data["summary"] == {"total_bindings": 2, "average_latency_ms": 875.0}
    assert {one["rule"] for one in data["security_violations"]} >= {"SCH-02", "SCH-17"}
    assert isinstance(data["scheduling_patterns"], list)


def test_r130_without_a_body_the_last_hour(heard):
    data = heard.post("/api/audit/analyze")["data"]
    assert data["summary"]["total_bindings"] == 0
    assert data["security_violations"] == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"start": at(10), "end": at(0)}, "start"),
        ({"start": "yesterday"}, "start"),
        ({"start": 7}, "start"),
        ({"end": None}, "end"),
        ({"end": "9999-99-99T00:00:00Z"}, "end"),
        ({"from": at(0)}, "from"),
        ([], ""),
    ],
)
def test_r130_what_cannot_be_a_range_is_told_with_its_place(bench, body, path):
    told = bench.post("/api/audit/analyze", body, code=422)
    assert [detail["path"] for detail in told["details"]] == [path]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=100000", "limit=x", "start=never", "continue=nonsense", f"start={at(5)}&end={at(5)}",
     "start=0001-01-01T00:00:00Z&end=0001-01-01T00:00:00Z"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/audit/events", "/api/audit/violations", "/api/v1/audit/findings"])
def test_absurd_questions_are_told_with_their_place(bench, path, query):
    answer = bench.ask("GET", f"{path}?{query}")
    assert answer.status_code == 422
    assert answer.json()["details"][0]["path"] == query.partition("=")[0]


def test_absurd_but_readable_ranges_are_answered(bench):
    for path in ("/api/audit/events", "/api/audit/violations", "/api/audit/patterns", "/api/v1/audit/timeline",
                 "/api/v1/audit/latency", "/api/v1/audit/rules"):  # fmt: skip
        bench.get(f"{path}?start=0001-01-01T00:00:00Z&end=9999-12-31T23:59:59Z")


def test_unknown_severities_and_kinds_are_told(bench):
    assert bench.ask("GET", "/api/audit/violations?severity=awful").status_code == 422
    assert bench.ask("GET", "/api/v1/audit/events?kind=awful").status_code == 422


def test_r188_an_analysis_is_timed(heard):
    before = sum(bucket.get() for bucket in metrics.ANALYSIS_SECONDS._buckets)
    heard.post("/api/audit/analyze")
    assert sum(bucket.get() for bucket in metrics.ANALYSIS_SECONDS._buckets) == before + 1


def test_r186_r187_r188_every_series_is_there_from_the_start():
    samples = {
        (sample.name, *sample.labels.values())
        for collector in metrics.COLLECTORS
        for metric in collector.collect()
        for sample in metric.samples
    }
    assert {("scheduler_audit_events_total", kind) for kind in KINDS} <= samples
    rules = {("scheduler_audit_violations_total", rule.id, rule.severity) for rule in shipped_rules()}
    assert len(rules) == 24
    cases = {(rule.id, case.severity or rule.severity) for rule in shipped_rules() for case in rule.cases}
    assert {("scheduler_audit_violations_total", *labels) for labels in cases} <= samples
    assert rules <= samples
    assert ("scheduler_audit_analysis_duration_seconds_count",) in samples
    assert ("scheduler_audit_events_total", "") not in samples


def test_one_finding_has_its_evidence_and_what_was_sent(heard):
    (one,) = heard.get("/api/v1/audit/findings?rule=SCH-02")["findings"]
    data = heard.get(f"/api/v1/audit/findings/{one['id']}")
    assert data["finding"] == one
    assert one["state"] == "open"
    assert one["attack"]
    assert one["fix"]
    (evidence,) = data["events"]
    assert evidence["request"]["target"]["name"] == "node-4"
    assert evidence["address"] == "10.0.0.7"
    assert data["missing_event_ids"] == []
    about = heard.get("/api/v1/audit/events/a2")
    assert one["id"] in [finding["id"] for finding in about["findings"]]
    assert heard.ask("GET", "/api/v1/audit/findings/none").status_code == 404
    assert heard.ask("GET", "/api/v1/audit/events/none").status_code == 404


def say(bench, what, finding, body, code=200, **query):
    return bench.post(f"/api/v1/audit/findings/{finding}/{what}", body, code)


def states(bench):
    return {one["id"]: one["state"] for one in bench.get("/api/v1/audit/findings")["findings"]}


def test_a_finding_is_acknowledged_suppressed_and_reopened_and_all_is_remembered(heard):
    (one,) = heard.get("/api/v1/audit/findings?rule=SCH-02")["findings"]
    told = say(heard, "acknowledge", one["id"], {"why": "we look into it"})["data"]
    assert (told["state"], told["who"], told["why"]) == ("acknowledged", "local", "we look into it")
    assert heard.get("/api/audit/violations?severity=critical")["total"] == 1
    say(heard, "suppress", one["id"], {"why": "a drill", "until": "2999-01-01T00:00:00Z"})
    assert heard.get("/api/audit/violations?severity=critical")["total"] == 0
    assert heard.post("/api/audit/analyze", {"start": at(-60), "end": at(9)})["data"]["security_violations"] == []
    assert heard.get("/api/v1/audit/findings?state=suppressed")["findings"][0]["until"] == "2999-01-01T00:00:00.000000Z"
    say(heard, "reopen", one["id"], {"why": "no drill after all"})
    assert states(heard)[one["id"]] == "open"
    history = heard.get(f"/api/v1/audit/findings/{one['id']}")["history"]
    assert [(entry["state"], entry["who"]) for entry in history] == [
        ("open", "local"), ("suppressed", "local"), ("acknowledged", "local"),
    ]  # fmt: skip
    trail = [(entry.action, entry.actor, entry.reason) for entry in asyncio.run(heard.trail.newest(10))]
    assert trail[0] == ("audit reopen", "local", "no drill after all")
    assert [action for action, _, _ in trail] == ["audit reopen", "audit suppress", "audit acknowledge"]


def test_similar_findings_are_suppressed_with_one_and_open_again_with_it(heard):
    heard.hear(bound("web-2", "node-4", seconds=20, user="mallory"), bound("web-3", "node-4", seconds=21, user="eve"))
    mine = heard.get("/api/v1/audit/findings?rule=SCH-02&user=mallory")["findings"]
    assert len(mine) == 2
    say(heard, "suppress", mine[0]["id"], {"why": "our migration", "similar": True})
    left = heard.get("/api/v1/audit/findings?rule=SCH-02&state=open")["findings"]
    assert [one["user"] for one in left] == ["eve"]
    say(heard, "reopen", mine[0]["id"], {"why": "over"})
    assert heard.get("/api/v1/audit/findings?rule=SCH-02&state=open")["total"] == 3


def test_a_dry_run_changes_nothing(heard):
    (one,) = heard.get("/api/v1/audit/findings?rule=SCH-02")["findings"]
    heard.post(f"/api/v1/audit/findings/{one['id']}/suppress?dryRun=All", {"why": "try"})
    assert states(heard)[one["id"]] == "open"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "why"),
        ({"why": "  "}, "why"),
        ({"why": "x" * 1001}, "why"),
        ({"why": "a\u0007b"}, "why"),
        ({"why": 7}, "why"),
        ({"why": "x", "until": "2001-01-01T00:00:00Z"}, "until"),
        ({"why": "x", "until": "soon"}, "until"),
        ({"why": "x", "similar": "yes"}, "similar"),
        ({"why": "x", "colour": "red"}, "colour"),
    ],
)
def test_what_is_said_about_a_finding_is_checked(heard, body, path):
    (one,) = heard.get("/api/v1/audit/findings?rule=SCH-02")["findings"]
    assert say(heard, "suppress", one["id"], body, code=422)["details"][0]["path"] == path


def test_an_unknown_finding_cannot_be_acknowledged(bench):
    say(bench, "acknowledge", "none", {"why": "x"}, code=404)


def test_who_may_only_look_acknowledges_nothing(store, tmp_path):
    key = tmp_path / "key"
    key.write_text("a-long-enough-key")
    bench = Bench(store, tmp_path, access=ApiKey(key))
    bench.hear(bound("web-1", "node-4", user="mallory"))
    (one,) = bench.get("/api/v1/audit/findings?rule=SCH-02")["findings"]
    path = f"/api/v1/audit/findings/{one['id']}/suppress"
    assert bench.ask("POST", path, json={"why": "x"}).status_code == 401
    allowed = bench.ask("POST", path, json={"why": "x"}, headers={"authorization": "Bearer a-long-enough-key"})
    assert allowed.status_code == 200
    assert bench.ask("POST", "/api/audit/analyze").status_code == 200


def test_rules_are_listed_with_their_counts(heard):
    rules = {rule["rule"]: rule for rule in heard.get("/api/v1/audit/rules")["rules"]}
    own = [f"SCH-{number:02d}" for number in range(1, 25)]
    assert list(rules) == own + [f"ANO-{number:02d}" for number in range(1, 6)]
    assert (rules["SCH-02"]["open"], rules["SCH-02"]["suppressed"]) == (1, 0)
    assert rules["SCH-24"]["open"] == 0


def test_the_timeline_counts_findings_by_severity(heard):
    data = heard.get(f"/api/v1/audit/timeline?{RANGE}")
    assert data["totals"]["critical"] == 1
    assert sum(step["critical"] for step in data["steps"]) == 1
    assert data["total_bindings"] == 2
    assert data["average_latency_ms"] == 875.0
    assert data["kinds"]["binding"] == 2


def test_events_are_searched_by_what_they_have(heard):
    def found(query):
        return [one["id"] for one in heard.get(f"/api/v1/audit/events?{query}")["events"]]

    assert found("user=mallory&kind=binding") == ["a2"]
    assert found("name=eb-0") == ["a1", "c0"]
    assert found("node=node-3") == ["a1"]
    assert found("namespace=none") == []
    values = heard.get("/api/v1/audit/values")
    assert "mallory" in values["user"]
    assert "binding" in values["kind"]


def a_decision(pod: str, first_s: float, *, filter_us: float = 1500, score_us: float = 500) -> list[DecisionRow]:
    common = {"uid": f"uid-{pod}", "pod": pod}
    return [
        call(1, f"d-{pod}", at_us=us(first_s), duration_us=filter_us, **common),
        call(2, f"d-{pod}", "prioritize", at_us=us(first_s) + 2000, duration_us=score_us, **common),
        call(3, f"d-{pod}", "bind", at_us=us(first_s) + 4000, duration_us=9999, **common),
    ]


def test_latency_is_split_by_joining_the_journal_on_the_pods_uid(bench):
    bench.hear(
        created("web-0", seconds=0),
        bound("web-0", "n", seconds=1, took_ms=8),
        created("nobody-decided", seconds=0),
        bound("nobody-decided", "n", seconds=1),
    )
    bench.store.write(a_decision("web-0", 0.9))
    data = bench.get(f"/api/v1/audit/latency?{RANGE}")
    assert (data["pods"], data["skewed"]) == (1, 0)
    parts = {part["part"]: part["p50_ms"] for part in data["parts"]}
    assert parts == {"total": 1000.0, "queue": 900.0, "decision": 2.0, "bind": 8.0, "rest": 90.0}


def test_clocks_that_differ_are_clamped_and_counted(bench):
    bench.hear(created("web-0", seconds=1), bound("web-0", "n", seconds=2, took_ms=8))
    bench.store.write(a_decision("web-0", 0.5))  # the journal knew it before it was created
    data = bench.get(f"/api/v1/audit/latency?{RANGE}")
    assert (data["pods"], data["skewed"]) == (1, 1)
    assert {part["part"]: part["p50_ms"] for part in data["parts"]}["queue"] == 0.0


def test_without_a_log_the_status_says_that_none_is_configured(bench):
    assert bench.get("/api/v1/audit/status") == {
        "logs": [], "webhook": False, "configured": False, "scheduler_identities": ["system:kube-scheduler"],
        "rules": {"folder": None, "own": [], "problem": ""},
        "events": 0, "oldest": None, "newest": None,
    }  # fmt: skip
    assert bench.get("/api/v1/audit/latency") == {"pods": 0, "skewed": 0, "parts": []}


def test_who_schedules_and_who_deploys_are_settings_that_the_rules_hear_of(bench):
    context = context_of(bench.sources)
    assert context().deployers == frozenset()
    bench.settings = ToolSettings(scheduler_identities=("mine",), deployers=("system:serviceaccount:gitops:applier",))
    assert context().deployers == {"system:serviceaccount:gitops:applier"}
    assert context().scheduler_identities == {"mine"}


def test_the_status_says_what_is_stored(store, tmp_path):
    token = tmp_path / "token"
    bench = Bench(store, tmp_path, settings=ToolSettings(audit_token=token))
    bench.hear(bound("web-0", "n"), event("list", "secrets", code=403, seconds=60, user="eve"))
    status = bench.get("/api/v1/audit/status")
    assert (status["configured"], status["webhook"], status["events"]) == (True, True, 2)
    assert (status["oldest"], status["newest"]) == (at(0), at(60))
