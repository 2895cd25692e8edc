"""A console that changes a policy in a file, asked without a network; and what its audit trail holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from analytics.cluster import Cluster
from analytics.control.access import Everybody
from analytics.control.admin import Admin
from analytics.control.call import Call
from analytics.control.caller import Access
from analytics.control.calls import calls_of
from analytics.control.health import Health
from analytics.control.limits import Limits
from analytics.control.tools import Tools
from analytics.store import Store
from analytics.views.sources import Sources
from analytics.web.app import console_app
from analytics.web.calls import Control
from analytics.web.door import Door
from extender.control import Desk, FileAudit, FileHistory, FileStore, FixedCatalogue
from extender.control.audit import Recorded
from extender.framework.info import catalogue_of
from extender.plugins import PLUGINS
from extender.policy import Catalogue
from tests.analytics.tenants.a_tenancy import TEAM_A, FakeTenants, a_cluster
from tests.analytics.web.a_console import a_console

POLICY = """\
apiVersion: policy.trimtab.dev/v1alpha1
kind: SchedulingPolicy
metadata: {name: first}
profiles:
- schedulerName: default-scheduler   # the comment stays
  plugins:
    filter:
      enabled: [{name: Rescheduler}]
      disabled: [{name: Coscheduling}]
    score:
      enabled: [{name: Rescheduler}]
  pluginConfig:
  - name: Rescheduler
    args: {cpuThreshold: 80.0, memoryThreshold: 80.0}
"""
HOST = "console.test"
Ask = Callable[..., Awaitable[httpx.Response]]


@cache
def catalogue() -> Catalogue:
    return catalogue_of(PLUGINS)


@cache
def _store() -> Store:
    """Nothing here reads or writes it."""
    return Store.open(":memory:")


class Bench:
    """One policy file with everything around it."""

    def __init__(
        self,
        folder: Path,
        *,
        policy: str = POLICY,
        access: Access | None = None,
        limits: Limits | None = None,
        strangers: Limits | None = None,
        extender: str = "http://127.0.0.1:1",
        hosts: tuple[str, ...] = (),
        serves: tuple[str, ...] = (HOST,),
        more: tuple[Call, ...] = (),
    ) -> None:
        self.path = folder / "policy.yaml"
        self.path.write_text(policy)
        self.trail = FileAudit(folder / "audit.jsonl")
        self._folder = folder
        self._access = access or Everybody()
        self._limits = limits or Limits(per_s=1000, burst=100_000)
        self._strangers = strangers or Limits(per_s=1000, burst=100_000)
        self._extender = extender
        self._hosts = hosts
        self._serves = serves
        self._more = more

    def app(self) -> Any:
        store = FileStore(self.path)
        history = FileHistory(self._folder / "history")
        desk = Desk(store, history, FixedCatalogue(catalogue()), self.trail, None, effect_s=0.0)
        health = Health(store, None, None)
        sources = Sources(_store(), cluster=Cluster.of(a_cluster(TEAM_A)), extender=self._extender)
        admin = Admin(self._extender)
        tools = Tools(
            desk, self.trail, admin, self._access, None, health.checks, tenants=FakeTenants(), sources=sources
        )
        door = Door(self._access, self.trail, self._hosts, writes=self._limits, strangers=self._strangers)
        console = a_console(sources, hosts=self._serves)
        return console_app(_with(console, Control(door, (*calls_of(tools), *self._more))))

    def run(self, talk: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        """`talk` with a client of a fresh console on these files."""

        async def whole() -> Any:
            transport = httpx.ASGITransport(self.app(), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await talk(client)

        return asyncio.run(whole())

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer: httpx.Response = self.run(lambda client: client.request(method, path, **more))
        return answer

    def audit(self) -> list[Recorded]:
        """Oldest first."""
        return list(reversed(asyncio.run(self.trail.newest(1000))))

    def text(self) -> str:
        return self.path.read_text()


def _with(console: Any, control: Control) -> Any:
    from dataclasses import replace

    return replace(console, control=control)


def refusal(answer: httpx.Response, code: int) -> dict[str, Any]:
    """The error of R-035: its shape, its code, and that it is told twice the same."""
    assert answer.status_code == code, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"status", "code", "reason", "message", "details", "requestId"}
    assert (body["status"], body["code"]) == ("error", code)
    assert body["message"]
    assert body["reason"][:1].isupper()
    assert body["requestId"] == answer.headers["x-request-id"]
    assert all(set(detail) == {"path", "message"} for detail in body["details"])
    return body


def refused_and_recorded(bench: Bench, before: str, answer: httpx.Response, code: int) -> dict[str, Any]:
    """The error is told, nothing has changed, and the newest record of the trail is about it."""
    body = refusal(answer, code)
    assert bench.text() == before
    newest = bench.audit()[-1]
    assert (newest.result, newest.code) == ("refused", code), newest
    assert newest.request_id == body["requestId"]
    return body


def shape(value: Any) -> Any:
    """Key names, nesting and types, without the values."""
    if isinstance(value, Mapping):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


def as_json(value: Any) -> dict[str, Any]:
    return {"content": json.dumps(value), "headers": {"content-type": "application/json"}}
