"""What doctor makes of what the parts of the chain say."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from click.testing import CliRunner

from extender.cli.doctor import doctor
from extender.cli.doctor.certificates import SOON_S, examined
from extender.cli.doctor.clock import judged as clocks
from extender.cli.doctor.finding import Finding, Level
from extender.cli.doctor.journal import dropped, read, written
from extender.cli.doctor.kinds import judged as kinds
from extender.cli.doctor.kinds import wanted
from extender.cli.doctor.plugins import NODE_LOAD, breakers, inputs, objects
from extender.cli.doctor.policy import effective, replicas, stored
from extender.cli.doctor.reachability import filter_
from extender.cli.doctor.scene import Scene, Where, configuration_in
from extender.cli.doctor.versions import alike, cluster
from extender.cli.target import Target


def levels(found: Any) -> list[Level]:
    return [line.level for line in found]


# --- policy


def configmap(status: Any = None, data: Any = None) -> dict[str, Any]:
    annotations = {"policy.trimtab.dev/status": status if isinstance(status, str) else json.dumps(status)}
    return {
        "metadata": {"name": "p", "namespace": "n", "annotations": annotations if status else {}},
        "data": {"policy.yaml": "x"} if data is None else data,
    }


def status(applied: str, **observed: str) -> dict[str, Any]:
    entries = {name: {"revision": seen, "observed": seen, "status": "True"} for name, seen in observed.items()}
    condition = {"type": "PolicyApplied", "status": applied, "reason": "Why", "message": "told"}
    return {"conditions": [condition], "replicas": entries}


def test_a_policy_in_effect_everywhere_is_ok() -> None:
    assert levels(replicas(configmap(status("True", a="12", b="12")))) == [Level.OK]
    assert levels(stored(configmap())) == [Level.OK]
    assert levels(stored(configmap(data={"filter": ""}))) == [Level.FAIL]


def test_a_replica_that_lags_is_named() -> None:
    found = list(replicas(configmap(status("True", a="9", b="12"))))

    assert levels(found) == [Level.WARN, Level.OK]
    assert "replica a is at revision 9, others at 12" in found[0].message


@pytest.mark.parametrize("told", ["", "{", "[]", '{"replicas": 1}', status("False", a="1")])
def test_a_policy_that_nobody_has_in_effect_fails(told: Any) -> None:
    assert Level.FAIL in levels(replicas(configmap(told)))


def test_what_the_extender_refuses_is_told_with_its_reason() -> None:
    good = {"revision": "1", "hash": "a", "desired": {"revision": "1", "hash": "a"}}
    bad = good | {"desired": {"revision": "2", "hash": "", "error": "profiles[0]: unknown plugin"}}

    assert levels(effective(good)) == [Level.OK]
    (found,) = effective(bad)
    assert found.level is Level.FAIL
    assert "unknown plugin" in found.message


# --- kinds


def test_a_kind_that_is_not_served_names_the_plugin_and_the_remedy() -> None:
    needed = {("scheduling.x-k8s.io/v1alpha1", "elasticquotas"): {"CapacityScheduling"}}

    assert levels(kinds(needed, {"scheduling.x-k8s.io/v1alpha1": {"elasticquotas"}})) == [Level.OK]
    (found,) = kinds(needed, {})
    assert found.level is Level.FAIL
    assert "CapacityScheduling" in found.message
    assert "deploy/crds" in found.advice


def test_every_kind_that_a_plugin_watches_is_known() -> None:
    users = wanted()

    assert users["scheduling.x-k8s.io/v1alpha1", "podgroups"] >= {"Coscheduling"}
    assert users["policy/v1", "poddisruptionbudgets"] >= {"CapacityScheduling", "PreemptionToleration"}


# --- plugins


def test_what_hinders_an_enabled_plugin_is_told() -> None:
    load = {"name": NODE_LOAD, "state": "missing", "detail": "no source is configured"}
    kind = {"name": "PodGroup", "state": "missing", "detail": "the cluster does not serve it"}
    (found,) = inputs([{"name": "TargetLoadPacking", "inputs": [load]}, {"name": "Coscheduling", "inputs": [kind]}])
    assert "TargetLoadPacking is neutral" in found.message, "kinds are another check's"
    assert levels(inputs([{"name": "Coscheduling", "inputs": [kind | {"state": "stale"}]}])) == [Level.WARN]

    told = {"plugin": "QoS", "state": "open", "since": 1.0, "failures": 3, "lastError": "it sleeps"}
    assert levels(breakers({"breakers": [told, told | {"state": "closed"}]})) == [Level.WARN]
    assert levels(breakers({})) == []

    odd = {"plugin": "Coscheduling", "object": "a/b", "problem": "minMember 0"}
    shown = list(objects({"objectProblems": [odd] * 5}))
    assert len(shown) == 4
    assert "2 more" in shown[-1].message


# --- clock, journal, versions


def test_clocks_are_compared_with_ours_and_with_each_other() -> None:
    assert levels(clocks({"the API server": 0.4, "the extender": -0.4})) == [Level.OK]
    assert levels(clocks({"the API server": 5.0})) == [Level.WARN]
    apart = clocks({"the API server": -1.5, "the extender": 1.5})
    assert [line.message for line in apart] == ["the clock of the extender is 3 s ahead of that of the API server"]
    assert levels(clocks({"the extender": 90.0})) == [Level.FAIL]


def test_what_is_lost_or_late_on_the_way_to_the_store_is_told() -> None:
    assert levels(written({"directory": "/j", "records": 3, "trouble": ""})) == [Level.OK]
    assert levels(written({"directory": "/j", "trouble": "no space"})) == [Level.FAIL]
    assert levels(written({"directory": None})) == [Level.WARN]
    assert levels(dropped({"full": 0.0})) == [Level.OK]
    assert levels(dropped({"full": 2.0})) == [Level.WARN]
    assert levels(read({"": 0.0})) == [Level.OK]
    assert levels(read({"": 1e9})) == [Level.WARN]
    assert levels(read(None)) == [Level.SKIP]


def test_versions_that_differ_are_a_warning() -> None:
    assert alike({"a": "1", "b": "1"}).level is Level.OK
    assert alike({"a": "1", "b": "2"}).level is Level.WARN
    assert cluster({"gitVersion": "v1.36.2", "minor": "36"}).level is Level.OK
    assert cluster({"gitVersion": "v1.22.1", "minor": "22+"}).level is Level.WARN


# --- certificates, with real handshakes


class Tls:
    """A TLS server of one authority."""

    def __init__(self, folder: Path, *, client_ca: bool = False) -> None:
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        self.server = HTTPServer(("127.0.0.1", 0), _Answer)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.path == "/filter" and asked["NodeNames"] == []
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(b'{"NodeNames": []}')

    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    server = Tls(tmp_path)
    yield server
    server.close()


def shown(url: str, later_s: float = 0.0, **tls_config: Any) -> Finding:
    return examined(url, {"tlsConfig": tls_config}, time.time() + later_s)


def test_a_certificate_of_the_named_authority_is_ok_until_it_is_about_to_end(tls: Tls) -> None:
    assert shown(tls.url, caFile=str(tls.ca)).level is Level.OK
    context = ssl.create_default_context(cafile=str(tls.ca))
    address = ("127.0.0.1", int(tls.url.rpartition(":")[2]))
    with socket.create_connection(address) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
        ends_s = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    assert shown(tls.url, ends_s - SOON_S - 60 - time.time(), caFile=str(tls.ca)).level is Level.OK
    assert shown(tls.url, ends_s - SOON_S + 60 - time.time(), caFile=str(tls.ca)).level is Level.WARN


def test_a_stranger_s_certificate_a_wrong_name_and_an_insecure_entry_are_told(tls: Tls, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))

    stranger = shown(tls.url, caFile=str(other))
    assert stranger.level is Level.FAIL
    assert "caFile" in stranger.advice
    misnamed = shown(tls.url, caFile=str(tls.ca), serverName="trimtab.example")
    assert misnamed.level is Level.FAIL
    assert "issue a certificate for trimtab.example" in misnamed.advice
    assert shown(tls.url, insecure=True).level is Level.WARN
    assert shown(tls.url, caFile="/nowhere").level is Level.FAIL
    assert shown(tls.url, caData="%%").level is Level.FAIL


def test_without_the_client_certificate_that_is_asked_for_the_line_says_so(tmp_path: Path) -> None:
    server = Tls(tmp_path, client_ca=True)
    try:
        found = shown(server.url, caFile=str(server.ca))
        assert found.level is Level.FAIL
        assert "certFile" in found.advice
        mine = server.authority.issue_cert("kube-scheduler")
        mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "mine.pem"))
        pair: dict[str, Any] = {"certFile": str(tmp_path / "mine.pem"), "keyFile": str(tmp_path / "mine.pem")}
        assert shown(server.url, caFile=str(server.ca), **pair).level is Level.OK
    finally:
        server.close()


# --- the command


def test_with_nothing_there_each_line_says_what_to_do_and_the_exit_code_is_1(tmp_path: Path) -> None:
    args = [
        "--kubeconfig",
        str(tmp_path / "none"),
        "--extender",
        "http://127.0.0.1:1",
        "--server",
        "http://127.0.0.1:1",
    ]

    result = CliRunner().invoke(doctor, [*args, "-o", "json"])

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert {"api", "extender", "sidecar"} == {line["check"] for line in told if line["level"] == "fail"}
    assert all(line["advice"] for line in told if line["level"] != "ok")
    assert "fail" in result.stderr
    names = CliRunner().invoke(doctor, [*args, "-o", "name", "--only", "extender"])
    assert names.stdout == "extender\n"


def test_the_scheduler_port_is_asked_by_tls_as_the_registration_says(tls: Tls, tmp_path: Path) -> None:
    def told(**entry: Any) -> dict[str, tuple[str, str]]:
        extenders = [{"urlPrefix": tls.url, "filterVerb": "filter", "tlsConfig": {"caFile": str(tls.ca)}, **entry}]
        head = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
        path = tmp_path / "scheduler.yaml"
        path.write_text(json.dumps({**head, "extenders": extenders}))
        args = [
            "--kubeconfig",
            str(tmp_path / "none"),
            "--extender",
            f"{tls.url}/admin",
            "--scheduler-config",
            str(path),
        ]
        found = json.loads(CliRunner().invoke(doctor, [*args, "--only", "certificates", "-o", "json"]).stdout)
        found.append(asdict(asyncio.run(_filtered(path.read_text()))))
        return {line["check"]: (line["level"], line["message"]) for line in found}

    sound = told()
    assert (sound["certificates"][0], sound["extender"]) == ("ok", ("ok", f"{tls.url}/filter answers a filter"))
    assert told(tlsConfig={})["extender"][0] == "fail", "nobody vouches for it"
    assert told(urlPrefix=f"{tls.url}/elsewhere")["extender"][0] == "fail"


async def _filtered(text: str) -> Finding:
    """What is said of the filter alone: this server has no admin port."""
    async with httpx.AsyncClient() as client:
        scene = Scene(where=Where(target=Target()), http=client)
        scene.configuration = configuration_in(text)
        return await filter_(scene)
