"""R-018, R-019, R-031 to R-034, R-282: what was, and what is recorded of it."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest

from analytics import __version__
from tests.analytics.control.a_desk import POLICY, Bench, as_json, refusal, refused_and_recorded, shape

TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def switch(bench: Bench, *plugins: str) -> None:
    for plugin in plugins:
        assert bench.ask("POST", f"/api/v1/plugins/{plugin}/enable").status_code == 200


def test_r018_every_change_first_saves_what_was_there(bench: Bench) -> None:
    switch(bench, "PodState")
    found = bench.ask("GET", "/api/v1/policy/revisions/1").json()["data"]
    assert found["text"] == POLICY
    assert (found["backup_id"], found["reason"], found["actor"], found["via"]) == (1, "auto", "local", "api")


def test_r032_health_has_exactly_the_given_shape_and_needs_no_credentials(bench: Bench) -> None:
    answer = bench.ask("GET", "/api/v1/health")
    assert answer.json() == {"status": "healthy", "checks": {"policy_file": "ok"}, "version": __version__}
    bench.path.unlink()
    answer = bench.ask("GET", "/api/v1/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unhealthy"
    assert "there is no file" in answer.json()["checks"]["policy_file"]


def test_r033_backup_now_has_exactly_the_given_shape(bench: Bench) -> None:
    answer = bench.ask("POST", "/api/v1/config/backup")
    body = answer.json()
    assert set(body) == {"status", "data"}
    assert set(body["data"]) == {"backup_id", "created_at", "reason"}
    assert (body["data"]["backup_id"], body["data"]["reason"]) == (1, "manual")
    assert TIME.fullmatch(body["data"]["created_at"])
    assert bench.audit()[-1].action == "backup"


def test_r034_revisions_come_newest_first_in_exactly_the_given_shape(bench: Bench) -> None:
    switch(bench, "PodState", "QoS")
    bench.ask("POST", "/api/v1/config/backup")
    body = bench.ask("GET", "/api/v1/policy/revisions").json()
    assert shape(body) == {
        "status": "str",
        "data": {
            "revisions": [{"backup_id": "int", "created_at": "str", "reason": "str", "actor": "str"}],
            "total": "int",
        },
    }
    found = [(one["backup_id"], one["reason"]) for one in body["data"]["revisions"]]
    assert found == [(3, "manual"), (2, "auto"), (1, "auto")]
    assert body["data"]["total"] == 3


def test_r034_pages_follow_each_other(bench: Bench) -> None:
    switch(bench, "PodState", "QoS", "SySched")
    first = bench.ask("GET", "/api/v1/policy/revisions?limit=2&view=full").json()["data"]
    more = bench.ask("GET", f"/api/v1/policy/revisions?limit=2&continue={first['continue']}").json()["data"]
    assert [one["backup_id"] for one in (*first["revisions"], *more["revisions"])] == [3, 2, 1]
    assert "continue" not in more
    assert {"via", "why", "hash", "revision", "previous", "chain", "signed"} <= set(first["revisions"][0])
    refusal(bench.ask("GET", "/api/v1/policy/revisions?continue=abc"), 422)


def test_r019_r034_a_rollback_restores_and_is_itself_a_change(bench: Bench) -> None:
    switch(bench, "PodState", "QoS")
    answer = bench.ask("POST", "/api/v1/policy/revisions/1/rollback", headers={"x-trimtab-reason": "too slow"})
    body = answer.json()
    assert set(body["data"]) == {"revision", "backup_id", "warnings"}, "plugin, phases and config are left out"
    assert body["data"]["backup_id"] == 3
    assert bench.text() == POLICY
    newest = bench.audit()[-1]
    assert (newest.action, newest.target, newest.reason) == ("rollback", "revision 1", "too slow")


@pytest.mark.parametrize(
    ("number", "code"), [("99", 404), ("0", 404), ("9" * 18, 404), ("-1", 422), ("one", 422), ("9" * 19, 422)]
)
def test_r034_an_unknown_revision_is_refused(bench: Bench, number: str, code: int) -> None:
    answer = bench.ask("POST", f"/api/v1/policy/revisions/{number}/rollback")
    refused_and_recorded(bench, POLICY, answer, code)


def test_r031_without_a_deployment_a_restart_says_what_to_do_instead(bench: Bench) -> None:
    body = refused_and_recorded(bench, POLICY, bench.ask("POST", "/api/v1/scheduler/restart"), 404)
    assert "need no restart" in body["message"]


def test_r282_the_trail_is_complete_chained_and_cannot_be_changed_over_http(bench: Bench) -> None:
    switch(bench, "PodState")
    bench.ask("POST", "/api/v1/plugins/Nobody/enable")
    bench.ask("PUT", "/api/v1/plugins/Rescheduler/config", **as_json({"cpuThreshold": -1}))
    before = bench.trail._path.read_bytes()
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert bench.ask(method, "/api/v1/policy/audit").status_code == 405
    assert bench.trail._path.read_bytes().startswith(before), "lines are only ever added"
    found = bench.ask("GET", "/api/v1/policy/audit?limit=3").json()["data"]
    assert [entry["code"] for entry in found["entries"]] == [405, 405, 405]
    rest = bench.ask("GET", f"/api/v1/policy/audit?continue={found['continue']}").json()["data"]["entries"]
    assert [(entry["action"], entry["result"], entry["code"]) for entry in rest[1:]] == [
        ("configure", "refused", 422),
        ("enable", "refused", 404),
        ("enable", "done", 200),
    ]
    done = rest[-1]
    assert done["before"]
    assert done["after"] not in ("", done["before"])
    assert TIME.fullmatch(done["at"])
    assert done["address"]
    assert done["requestId"]


def test_an_archive_holds_everything_and_restores_it(bench: Bench) -> None:
    switch(bench, "PodState")
    changed = bench.text()
    answer = bench.ask("GET", "/api/v1/policy/archive")
    assert answer.headers["content-type"] == "application/gzip"
    assert "attachment" in answer.headers["content-disposition"]
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        names = tar.getnames()
    assert any("policy" in name for name in names)
    assert any("history" in name or "revision" in name for name in names)
    switch(bench, "QoS")
    headers = {"content-type": "application/gzip"}
    restored = bench.ask("POST", "/api/v1/policy/restore", content=answer.content, headers=headers)
    assert restored.status_code == 200, restored.text
    assert bench.text() == changed
    broken = bench.ask("POST", "/api/v1/policy/restore", content=answer.content[:-30], headers=headers)
    assert broken.status_code in (400, 422)
    assert bench.text() == changed
    assert bench.audit()[-1].result == "refused"
