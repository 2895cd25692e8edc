"""Where plugins are told from: a running extender, or what is installed here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_TIMEOUT_S = 10.0
_LIMITS = ("mode", "canary", "from", "until", "skippedNow")
"""What keeps an enabled plugin from deciding about every pod, where the extender tells it."""


class Unreachable(Exception):
    """The extender could not be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """Catalogue entries by name, each with `profiles`: [{profile, phases, weight, ...}]; None: nobody could say."""

    plugins: list[dict[str, Any]]
    refused: dict[str, str] = field(default_factory=dict)
    """Plugins of others that cannot be used -> why."""


def from_extender(url: str) -> Told:
    """GET /catalogue and /configz of an admin port. Raises Unreachable."""
    base = url.rstrip("/")
    catalogue, configz = _got(f"{base}/catalogue"), _got(f"{base}/configz")
    try:
        seats = configz["plugins"]
        entries = [{**entry, "profiles": _profiles(entry, seats)} for entry in catalogue]
        return Told(_in_order(entries))
    except (KeyError, TypeError) as wrong:
        raise Unreachable(f"{url} answers, but not as an extender's admin port does ({wrong!r})") from wrong


def from_installed() -> Told:
    """The table of installed plugins; nothing is compiled."""
    from extender.framework.info import plugin_info
    from extender.framework.inputs import unknown_inputs_of
    from extender.plugins import installed

    plugins, refused = installed()
    entries = [
        {
            "name": info.name,
            "phases": list(info.phases),
            "maturity": info.maturity,
            "doc": info.doc,
            "argsSchema": info.args_schema,
            "defaults": info.defaults,
            "aliases": list(info.aliases),
            "members": list(plugin.members),
            "inputs": [{"name": name, "state": "unknown", "detail": ""} for name in unknown_inputs_of(plugin)],
            "profiles": None,
        }
        for plugin in plugins
        for info in [plugin_info(plugin, plugins)]
    ]
    return Told(_in_order(entries), dict(refused))


def _in_order(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By name; a family works where its members do."""
    phases = {entry["name"]: entry["phases"] for entry in entries}
    for entry in entries:
        members = [phase for member in entry["members"] for phase in phases.get(member, ())]
        entry["phases"] = list(dict.fromkeys([*entry["phases"], *members]))
    return sorted(entries, key=lambda entry: str(entry["name"]))


def _profiles(entry: dict[str, Any], seats: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A family is on where all its members are."""
    if entry["members"]:
        per_profile: dict[str, set[str]] = {}
        for seat in seats:
            per_profile.setdefault(seat["profile"], set()).add(seat["name"])
        return [
            {"profile": profile, "phases": [], "weight": None}
            for profile, names in per_profile.items()
            if set(entry["members"]) <= names
        ]
    return [
        {"profile": seat["profile"], "phases": seat["phases"], "weight": seat["weight"]}
        | {key: seat[key] for key in _LIMITS if seat.get(key)}
        for seat in seats
        if seat["name"] == entry["name"]
    ]


def _got(url: str) -> Any:
    import httpx

    try:
        answer = httpx.get(url, timeout=_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as wrong:
        raise Unreachable(f"cannot reach the extender at {url} ({wrong})") from wrong
