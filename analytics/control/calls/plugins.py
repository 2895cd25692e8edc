"""Plugins by name: state, enable, disable, config (R-026 to R-030, R-035)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from analytics.control import metrics
from analytics.control.call import Asked, Body, Call, Reply, builtins, done, put_through
from analytics.control.caller import Right
from analytics.control.masks import holds_mask, masked, masked_at, masked_lines, without_masks
from analytics.control.tools import Tools
from analytics.views.declaration import Parameter
from extender.control.desk import Changed
from extender.control.problems import Detail, Invalid

PROFILE: Final = Parameter("profile", "The profile (a schedulerName); default: default-scheduler, else the first.")
PLUGIN: Final = Parameter("plugin_name", "A plugin, as `supported_plugins` spells it.", length_max=128)
PHASES: Final = {
    "type": "object",
    "properties": {"phases": {"type": "array", "minItems": 1, "items": {"type": "string"}}},
    "additionalProperties": False,
}
CHANGED: Final = {
    "type": "object",
    "required": ["status", "message", "data"],
    "properties": {
        "status": {"const": "success"},
        "message": {"type": "string"},
        "data": {
            "type": "object",
            "required": ["revision", "backup_id", "warnings"],
            "properties": {
                "plugin": {"type": "string"},
                "phases": {"type": "array", "items": {"type": "string"}},
                "config": {"type": "object"},
                "revision": {"type": "string"},
                "backup_id": {"type": "integer"},
                "warnings": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}
_NAMES: Final = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
STATE: Final = {
    "type": "object",
    "required": ["status", "data", "supported_plugins", "supported_phases"],
    "properties": {
        "status": {"const": "success"},
        "data": {
            "type": "object",
            "required": ["enabled_plugins", "disabled_plugins", "plugin_configs"],
            "properties": {
                "enabled_plugins": _NAMES,
                "disabled_plugins": _NAMES,
                "plugin_configs": {"type": "object", "additionalProperties": {"type": "object"}},
            },
            "additionalProperties": False,
        },
        "supported_plugins": {"type": "array", "items": {"type": "string"}},
        "supported_phases": {"type": "array", "items": {"type": "string"}},
        "warnings": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}


class _Plugins:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def state(self, asked: Asked) -> Reply:
        found = await self._tools.desk.plugins(asked.given["profile"])
        metrics.known(found["supported_plugins"])
        configs = {name: masked(args) for name, args in found["data"]["plugin_configs"].items()}
        return Reply(found | {"data": found["data"] | {"plugin_configs": configs}})

    async def switch(self, action: str, asked: Asked) -> Reply:
        plugin = asked.given["plugin_name"]
        change = self._tools.desk.enable if action == "enable" else self._tools.desk.disable
        changed = await put_through(
            plugin,
            change(
                plugin,
                _phases(asked.body),
                profile=asked.given["profile"],
                actor=asked.caller.actor,
                reason=asked.reason,
                dry_run=asked.dry_run,
            ),
            dry_run=asked.dry_run,
        )
        if not asked.dry_run:
            for phase in changed.phases if changed.changed else ():
                metrics.TOGGLES.labels(changed.plugin, phase, action).inc()
        return answer_of(changed, dry_run=asked.dry_run)

    async def configure(self, asked: Asked) -> Reply:
        plugin = asked.given["plugin_name"]
        changed = await put_through(
            plugin,
            self._tools.desk.configure(
                plugin,
                await self._args(asked),
                profile=asked.given["profile"],
                actor=asked.caller.actor,
                reason=asked.reason,
                dry_run=asked.dry_run,
            ),
            dry_run=asked.dry_run,
        )
        return answer_of(changed, dry_run=asked.dry_run)

    async def _args(self, asked: Asked) -> dict[str, Any]:
        if not isinstance(asked.body, Mapping):
            raise Invalid("The body is no object.", [Detail("", 'want an object such as {"cpuThreshold": 85.0}')])
        if not holds_mask(asked.body):
            return dict(asked.body)
        stored = (await self._tools.desk.plugins(asked.given["profile"]))["data"]["plugin_configs"]
        return without_masks(asked.body, stored.get(asked.given["plugin_name"]))


def calls(tools: Tools) -> tuple[Call, ...]:
    own = _Plugins(tools)
    named = (PLUGIN, PROFILE)
    return (
        Call("GET", "/api/v1/plugins", "State of all plugins.", Right.VIEW, own.state, (PROFILE,), data=STATE),
        *(
            Call(
                "POST",
                f"/api/v1/plugins/{{plugin_name}}/{action}",
                f"Switch a plugin {word}, in some phases or in all in which it works.",
                Right.CHANGE,
                partial(own.switch, action),
                named,
                Body.JSON,
                schema=PHASES,
                data=CHANGED,
                changes=True,
            )
            for action, word in (("enable", "on"), ("disable", "off"))
        ),
        Call(
            "PUT",
            "/api/v1/plugins/{plugin_name}/config",
            "Change arguments of a plugin; keys left out keep their value.",
            Right.CHANGE,
            own.configure,
            named,
            Body.JSON,
            body_needed=True,
            schema={"type": "object"},
            data=CHANGED,
            changes=True,
        ),
    )


def _phases(body: Any) -> Sequence[str] | None:
    """None: every phase in which the plugin works. What the names mean is the desk's to judge."""
    if body is None:
        return None
    if not isinstance(body, Mapping):
        raise Invalid("The body is no object.", [Detail("", 'want an object such as {"phases": ["filter"]}')])
    unknown = [Detail(str(key), "unknown key; known: phases") for key in body if key != "phases"]
    if unknown:
        raise Invalid(f"unknown key: {unknown[0].path}", unknown)
    if "phases" not in body:
        return None
    phases = body["phases"]
    if not isinstance(phases, list):
        raise Invalid("phases is no list.", [Detail("phases", 'want a list of phases such as ["filter", "score"]')])
    if not phases:
        raise Invalid("phases is empty.", [Detail("phases", "name at least one, or leave the key out for all")])
    wrong = [
        Detail(f"phases[{at}]", "want a phase's name") for at, one in enumerate(phases) if not isinstance(one, str)
    ]
    if wrong:
        raise Invalid("A phase is no text.", wrong)
    return phases


def answer_of(changed: Changed, *, dry_run: bool, tag: str = "", **more: Any) -> Reply:
    """R-035; a dry run and changes of the whole policy tell the difference too."""
    shown: dict[str, Any] = {}
    if changed.plugin is not None:
        shown = {"plugin": changed.plugin, "phases": changed.phases, "config": masked(changed.config or {})}
    shown |= {"revision": changed.revision, "backup_id": changed.backup_id, "warnings": changed.warnings}
    if dry_run:
        shown |= {"dry_run": True, "diff": diff_of(changed.diff)}
    return done(changed.message, shown | more, tag)


def diff_of(diff: Any) -> dict[str, Any]:
    """`{"unified", "changes": [{"path", "before", "after"}]}` without secret values."""
    told: dict[str, Any] = builtins(diff)
    return {
        "unified": masked_lines(told["unified"]),
        "changes": [
            one | {"before": masked_at(one["path"], one["before"]), "after": masked_at(one["path"], one["after"])}
            for one in told["changes"]
        ],
    }
