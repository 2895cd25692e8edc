"""A console with an audit log in its store, asked without a network."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from analytics.audit import Context
from analytics.control.access import Everybody
from analytics.control.admin import Admin
from analytics.control.calls import calls_of
from analytics.control.health import Health
from analytics.control.limits import Limits
from analytics.control.tools import Tools
from analytics.ingest.audit import Intake
from analytics.store import Store
from analytics.views.sources import Sources, ToolSettings
from analytics.web.app import console_app
from analytics.web.calls import Control
from analytics.web.door import Door
from extender.control import Desk, FileAudit, FileHistory, FileStore, FixedCatalogue
from tests.analytics.audit_io.events import line
from tests.analytics.control.a_desk import POLICY, _with, catalogue
from tests.analytics.web.a_console import a_console

HOST = "console.test"


class Bench:
    """`access`: who may; None: everybody."""

    def __init__(self, store: Store, folder: Path, *, settings: ToolSettings | None = None, access: Any = None) -> None:
        self.store = store
        self.settings = settings or ToolSettings()
        self.sources = Sources(store, settings=lambda: self.settings)
        self.trail = FileAudit(folder / "audit.jsonl")
        self._access = access or Everybody()
        policy = folder / "policy.yaml"
        policy.write_text(POLICY)
        store_of_policy = FileStore(policy)
        desk = Desk(store_of_policy, FileHistory(folder / "history"), FixedCatalogue(catalogue()), self.trail, None)
        health = Health(store_of_policy, None, None)
        nowhere = "http://127.0.0.1:1"
        tools = Tools(desk, self.trail, Admin(nowhere), self._access, None, health.checks, sources=self.sources)
        limits = Limits(per_s=1000, burst=100_000)
        door = Door(self._access, self.trail, (), writes=limits, strangers=limits)
        self.app = console_app(_with(a_console(self.sources, hosts=(HOST,)), Control(door, calls_of(tools))))

    def hear(self, *told: dict[str, Any]) -> None:
        """Events as a file would bring them."""
        Intake(self.store, Context).take([line(one) for one in told], "/var/log/audit/audit.log", way="file")

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["status"] == "success"
        return body["data"]

    def post(self, path: str, body: Any = None, code: int = 200) -> Any:
        answer = self.ask("POST", path, **({} if body is None else {"json": body}))
        assert answer.status_code == code, answer.text
        return answer.json()
