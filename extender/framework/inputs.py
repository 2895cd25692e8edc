"""What a plugin reads beside nodes and pods, and whether it is there: for the catalogue, a metric and people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from extender.framework.declaration import Kind, Plugin

NODE_LOAD = "node load metrics"
WATCH_STALE_S = 300.0
"""An API server says something about every watch each minute; one that was silent for so long is not trusted."""


class State(StrEnum):
    PRESENT = "present"
    MISSING = "missing"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    """Kind of the objects, or what else it is."""
    state: State
    detail: str = ""
    """Why it is missing or stale, or how much there is of it."""
    optional: bool = True
    """Without it the plugin is loaded and neutral."""

    def told(self) -> dict[str, Any]:
        return asdict(self) | {"state": self.state.value, "present": self.state is State.PRESENT}


@dataclass(frozen=True, slots=True)
class Known:
    """What the extender knows about the outside."""

    watches: Mapping[str, Mapping[str, Any]]
    """Resource name, as `elasticquotas.scheduling.x-k8s.io` -> status of its informer; empty: no API server."""
    objects: Mapping[str, Collection[str]]
    """Kind -> keys of its objects."""
    load_age_s: float | None = None
    """Age of the newest load metrics; None: there never were any."""
    load_error: str = ""
    load_stale_s: float = 0.0


def inputs_of(plugin: Plugin, known: Known) -> list[Input]:
    """Its watched kinds in the order declared, then node load."""
    found = [_watched(kind, known) for kind in plugin.watches]
    return [*found, _load(known)] if plugin.reads_load else found


def unknown_inputs_of(plugin: Plugin) -> list[str]:
    """Names only, where nobody can say what is there."""
    return [kind.kind for kind in plugin.watches] + ([NODE_LOAD] if plugin.reads_load else [])


def _watched(kind: Kind, known: Known) -> Input:
    resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    count = len(known.objects.get(kind.kind, ()))
    row = known.watches.get(resource)
    if row is None:
        return Input(kind.kind, State.PRESENT, _objects(count)) if count else Input(kind.kind, State.MISSING, "none")
    if not row["present"]:
        return Input(kind.kind, State.MISSING, row["error"] or f"the cluster does not serve {resource}")
    if row["error"] or row["lag_s"] > WATCH_STALE_S:
        return Input(kind.kind, State.STALE, row["error"] or f"silent for {row['lag_s']:.0f} s")
    return Input(kind.kind, State.PRESENT, _objects(count))


def _load(known: Known) -> Input:
    if known.load_age_s is None:
        return Input(NODE_LOAD, State.MISSING, known.load_error or "no source has answered yet")
    if known.load_age_s > known.load_stale_s:
        return Input(NODE_LOAD, State.STALE, f"{known.load_age_s:.0f} s old. {known.load_error}".strip())
    return Input(NODE_LOAD, State.PRESENT, f"{known.load_age_s:.0f} s old")


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"
