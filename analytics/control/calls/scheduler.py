"""The scheduler, health, and who is asking (R-031, R-032)."""

from __future__ import annotations

from typing import Any, Final

from analytics import __version__
from analytics.control import metrics
from analytics.control.call import Asked, Call, Recorded, Reply, builtins, data, done
from analytics.control.caller import Right, role_of
from analytics.control.tools import Tools
from extender.control.problems import NotFound, Refused

STILL_HEALTHY: Final = frozenset({"scheduler_deployment"})
"""Checks of what only a restart needs: a scheduler may well be no Deployment."""
_NO_CLUSTER: Final = (
    "This console knows no cluster: its policy is a file. Restart the scheduler where it runs; "
    "changes of the policy need no restart."
)
_HEALTH: Final = {
    "type": "object",
    "required": ["status", "checks", "version"],
    "properties": {
        "status": {"enum": ["healthy", "unhealthy"]},
        "checks": {"type": "object", "additionalProperties": {"type": "string"}},
        "version": {"type": "string"},
    },
    "additionalProperties": False,
}


class _Scheduler:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def restart(self, asked: Asked) -> Reply:
        if self._tools.restarter is None:
            raise NotFound(_NO_CLUSTER)
        try:
            begun = await self._tools.restarter.restart(
                actor=asked.caller.actor, reason=asked.reason, dry_run=asked.dry_run
            )
        except Refused as refused:
            raise Recorded(refused) from refused
        if asked.dry_run:
            return done("restart possible", builtins(begun))
        metrics.RESTARTS.inc()
        return done("restart started", builtins(begun))

    async def health(self, _asked: Asked) -> Reply:
        checks = dict(await self._tools.checks())
        well = all(text == "ok" for name, text in checks.items() if name not in STILL_HEALTHY)
        told = {"status": "healthy" if well else "unhealthy", "checks": checks, "version": __version__}
        return Reply(told, code=200 if well else 503)

    async def session(self, asked: Asked) -> Reply:
        caller = asked.caller
        can: dict[str, Any] = {
            name: not await caller.ask(right)
            for name, right in (
                ("view", Right.VIEW),
                ("change", Right.CHANGE),
                ("restart", Right.RESTART),
                ("restore", Right.RESTORE),
                ("tenants", Right.TENANTS),
            )
        }
        actor = caller.actor
        told = {"actor": actor.name, "groups": actor.groups, "role": await role_of(caller), "can": can}
        return data(told | {"auth": self._tools.access.kind})


def calls(tools: Tools) -> tuple[Call, ...]:
    own = _Scheduler(tools)
    return (
        Call(
            "POST",
            "/api/v1/scheduler/restart",
            "Restart the scheduler's Deployment, pod by pod. Nothing of ours needs it.",
            Right.RESTART,
            own.restart,
            changes=True,
        ),
        Call("GET", "/api/v1/health", "Can policy be changed?", Right.NOTHING, own.health, data=_HEALTH),
        Call("GET", "/api/v1/session", "Who you are here, and what you may.", Right.NOTHING, own.session, tool=""),
    )
