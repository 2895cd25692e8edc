"""What is asked of others: the catalogue, an extender's admin port, its replicas' status, the scheduler's restart."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from extender.control import (
    AllEffective,
    ExtenderAdmin,
    ExtenderCatalogue,
    ExtenderEffective,
    FileAudit,
    FirstCatalogue,
    FixedCatalogue,
    Forbidden,
    InstalledCatalogue,
    Invalid,
    NotFound,
    Refused,
    Restarter,
    Unreachable,
)
from extender.control.effective import replicas_of
from extender.kube import KubeError, Response
from extender.policy import parse
from extender.policy.outcome import APPLIED, REFUSED, Outcome
from extender.policy.status import merged
from tests.extender.control.desks import ANNA, NOW
from tests.extender.policy.a_catalogue import CATALOGUE, a_policy
from tests.extender.policy.fake_api import FakeApi

DEPLOYMENT = "/apis/apps/v1/namespaces/kube-system/deployments/rescheduler-scheduler"


@pytest.fixture
def served() -> Iterator[tuple[str, dict[str, Any]]]:
    """(address, path -> (status, JSON)) of a server on loopback."""
    pages: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = pages.get(self.path, (404, {}))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", pages
    server.shutdown()
    server.server_close()


def entry(name: str, phases: list[str], members: list[str]) -> dict[str, Any]:
    return {"name": name, "phases": phases, "argsSchema": {}, "members": members, "inputs": [], "aliases": []}


def test_a_catalogue_is_read_from_an_extender_and_a_family_works_where_its_members_do(served: Any) -> None:
    url, pages = served
    pages["/catalogue"] = (200, [entry("A", ["score"], []), entry("F", [], ["A"])])
    found = asyncio.run(ExtenderCatalogue(ExtenderAdmin(url)).catalogue())
    assert {name: info.phases for name, info in found.items()} == {"A": ("score",), "F": ("score",)}


@pytest.mark.parametrize("page", [(200, {"no": "catalogue"}), (503, {}), (200, [{"name": "A"}]), (200, [])])
def test_what_is_no_catalogue_is_unreachable_and_the_next_source_is_asked(served: Any, page: Any) -> None:
    url, pages = served
    pages["/catalogue"] = page
    source = ExtenderCatalogue(ExtenderAdmin(url))
    with pytest.raises(Unreachable):
        asyncio.run(source.catalogue())
    assert asyncio.run(FirstCatalogue(source, FixedCatalogue(CATALOGUE)).catalogue()) is CATALOGUE
    with pytest.raises(Unreachable):
        asyncio.run(FirstCatalogue(ExtenderCatalogue(ExtenderAdmin("http://127.0.0.1:1"))).catalogue())


def test_the_installed_catalogue_judges_a_policy_as_the_extender_would() -> None:
    found = asyncio.run(InstalledCatalogue().catalogue())
    assert {"Rescheduler", "Coscheduling", "Trimaran", "TenantQuota"} <= set(found)
    assert parse(a_policy(), found).profiles[0].plugins[0].name == "PodState"


def test_an_extenders_verdict_is_handed_on(served: Any) -> None:
    url, pages = served
    pages["/validate"] = (200, {"valid": True, "warnings": ["w"]})
    assert asyncio.run(ExtenderAdmin(url).validate(b"x")) == ["w"]
    errors = [{"path": "profiles[0]", "message": "no", "hint": "so"}]
    pages["/validate"] = (422, {"valid": False, "errors": errors})
    with pytest.raises(Invalid) as caught:
        asyncio.run(ExtenderAdmin(url).validate(b"x"))
    assert [(d.path, d.message) for d in caught.value.details] == [("profiles[0]", "no (so)")]
    pages["/validate"] = (500, {})
    with pytest.raises(Unreachable):
        asyncio.run(ExtenderAdmin(url).validate(b"x"))


def test_the_state_of_an_extender_is_read_from_its_configz(served: Any) -> None:
    url, pages = served
    pages["/configz"] = (
        200,
        {"revision": "7", "hash": "h", "effective": {"a": 1}, "desired": {"revision": "8", "error": "no"}},
    )
    (found,) = asyncio.run(ExtenderEffective(ExtenderAdmin(url)).replicas())
    assert (found.replica, found.revision, found.hash, found.observed, found.status) == (url, "7", "h", "8", "False")
    both = AllEffective(ExtenderEffective(ExtenderAdmin("http://127.0.0.1:1")), ExtenderEffective(ExtenderAdmin(url)))
    assert asyncio.run(both.replicas()) == [found]
    assert asyncio.run(both.document()) == {"a": 1}
    with pytest.raises(Unreachable):
        asyncio.run(AllEffective(ExtenderEffective(ExtenderAdmin("http://127.0.0.1:1"))).replicas())


def test_the_replicas_are_read_from_the_status_as_it_is_written() -> None:
    text = merged("", "a", Outcome(APPLIED, "", "7", "7", "h7"), NOW)
    text = merged(text, "b", Outcome(REFUSED, "", "8", "7", "h7"), NOW)
    assert [(r.replica, r.revision, r.hash, r.observed, r.status) for r in replicas_of(text)] == [
        ("a", "7", "h7", "7", "True"),
        ("b", "7", "h7", "8", "False"),
    ]
    for odd in ("", "no json", "[]", '{"replicas": []}', '{"replicas": {"a": 1}}'):
        assert replicas_of(odd) == []


def restarter(api: FakeApi, tmp_path: Path) -> Restarter:
    audit = FileAudit(tmp_path / "audit.jsonl")
    return Restarter(api, "kube-system", "rescheduler-scheduler", audit, clock=lambda: NOW)


def test_r031_a_restart_is_a_new_annotation_of_the_pod_template_and_is_audited(tmp_path: Path) -> None:
    api = FakeApi()
    api.objects[DEPLOYMENT] = {"metadata": {"name": "rescheduler-scheduler", "resourceVersion": "1"}, "spec": {}}
    assert asyncio.run(restarter(api, tmp_path).check()) == "ok"
    done = asyncio.run(restarter(api, tmp_path).restart(actor=ANNA, reason="new image"))
    assert (done.namespace, done.deployment, done.restarted_at) == (
        "kube-system", "rescheduler-scheduler", "2026-01-02T03:04:05Z",
    )  # fmt: skip
    annotations = api.objects[DEPLOYMENT]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["kubectl.kubernetes.io/restartedAt"] == "2026-01-02T03:04:05Z"
    (record,) = asyncio.run(FileAudit(tmp_path / "audit.jsonl").newest(9))
    assert (record.action, record.actor, record.reason, record.result) == ("restart", "anna", "new image", "done")


def test_r031_a_dry_run_restarts_nothing(tmp_path: Path) -> None:
    api = FakeApi()
    api.objects[DEPLOYMENT] = {"metadata": {"name": "rescheduler-scheduler", "resourceVersion": "1"}, "spec": {}}
    asyncio.run(restarter(api, tmp_path).restart(actor=ANNA, dry_run=True))
    assert api.objects[DEPLOYMENT]["spec"] == {}


def test_r031_a_scheduler_that_is_a_static_pod_is_answered_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="static pod"):
        asyncio.run(restarter(FakeApi(), tmp_path).restart(actor=ANNA))
    (record,) = asyncio.run(FileAudit(tmp_path / "audit.jsonl").newest(9))
    assert (record.result, record.code) == ("refused", 404)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Response(403, b'{"message":"no"}', {}), Forbidden),
        (Response(500, b"{}", {}), Unreachable),
        (KubeError("no route"), Unreachable),
    ],
)
def test_r031_what_keeps_a_restart_away_is_told(tmp_path: Path, trouble: Any, kind: type[Refused]) -> None:
    api = FakeApi()
    api.hook = lambda *_: trouble
    with pytest.raises(kind):
        asyncio.run(restarter(api, tmp_path).restart(actor=ANNA))
    assert asyncio.run(restarter(api, tmp_path).check()) != "ok"
