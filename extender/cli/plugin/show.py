"""Plugins as text: tables in columns, JSON, YAML, names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extender.cli.output import columns, data, table
from extender.cli.plugin.sources import Told

_NOTHING = "-"
_INT64 = 2**63 - 1


def listed(told: Told, output: str, *, headers: bool = True) -> str:
    """All plugins, in one of FORMS."""
    match output:
        case "json" | "yaml":
            return data(told.plugins, output)
        case "name":
            return "".join(f"{entry['name']}\n" for entry in told.plugins)
    wide = output == "wide"
    head = ["NAME", "PHASES", "MATURITY", "INPUTS", "ON"]
    rows = [
        [e["name"], _joined(e["phases"]), e["maturity"], _inputs(e["inputs"]), _on(e["profiles"], wide=wide)]
        + ([_joined(e["aliases"]), _joined(e["members"]), e["doc"]] if wide else [])
        for e in told.plugins
    ]
    return table(head + (["ALIASES", "MEMBERS", "DOES"] if wide else []), rows, headers=headers)


def described(entry: dict[str, Any], output: str) -> str:
    """One plugin; table and wide are the same sheet."""
    match output:
        case "json" | "yaml":
            return data(entry, output)
        case "name":
            return f"{entry['name']}\n"
    facts = [
        ["Name:", entry["name"]],
        ["Does:", entry["doc"]],
        ["Maturity:", entry["maturity"]],
        ["Phases:", _joined(entry["phases"])],
        ["Other names:", _joined(entry["aliases"])],
        *([["Members:", _joined(entry["members"])]] if entry["members"] else []),
        ["On in:", _on(entry["profiles"], wide=True)],
    ]
    parts = [columns(facts)]
    inputs = [[f["name"], f["state"], f["detail"] or _NOTHING] for f in entry["inputs"]]
    if inputs:
        parts.append("\nInputs:\n" + columns([["  INPUT", "STATE", "DETAIL"], *_indented(inputs)]))
    arguments = list(_arguments(entry["argsSchema"], entry["defaults"]))
    if arguments:
        head = ["  ARGUMENT", "TYPE", "DEFAULT", "BOUNDS", "MEANING"]
        parts.append("\nArguments:\n" + columns([head, *_indented(arguments)]))
    return "".join(parts)


def _inputs(inputs: Sequence[Mapping[str, Any]]) -> str:
    """What is there is named; what is not is named with its state."""
    told = [f["name"] if f["state"] == "present" else f"{f['name']} ({f['state']})" for f in inputs]
    return ", ".join(told) or _NOTHING


def _on(profiles: Sequence[Mapping[str, Any]] | None, *, wide: bool) -> str:
    if profiles is None:
        return "?"
    told = []
    for seat in profiles:
        weight = f" x{seat['weight']}" if "score" in seat["phases"] and seat["weight"] else ""
        phases = f" [{','.join(seat['phases'])}{weight}]" if wide and seat["phases"] else ""
        told.append(f"{seat['profile']}{_limited(seat)}{phases}")
    return ", ".join(told) or "off"


def _limited(seat: Mapping[str, Any]) -> str:
    """Why it does not decide about every pod there: ` (shadow, canary 10 %, until 18:00)`; empty: it does."""
    canary = seat.get("canary") or {}
    said = [
        *(["shadow"] if seat.get("mode") == "shadow" else []),
        *([f"canary {canary['percent']:g} %" if "percent" in canary else "canary"] if canary else []),
        *(f"{key} {seat[key]}" for key in ("from", "until") if seat.get(key)),
        *([str(seat["skippedNow"])] if seat.get("skippedNow") else []),
    ]
    return f" ({', '.join(said)})" if said else ""


def _joined(names: Iterable[str]) -> str:
    return ",".join(names) or _NOTHING


def _arguments(schema: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterable[list[str]]:
    """One row per argument of the plugin's JSON Schema."""
    whole = _resolved(schema, schema)
    for name, given in whole.get("properties", {}).items():
        part = _resolved(given, schema)
        default = json.dumps(defaults[name]) if name in defaults else _NOTHING
        yield [name, _type(part, schema), default, _bounds(part), part.get("description") or _NOTHING]


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return part
    named: Mapping[str, Any] = schema["$defs"][reference.removeprefix("#/$defs/")]
    return {**named, **{key: value for key, value in part.items() if key != "$ref"}}


def _type(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "enum" in part:
        return "|".join(str(value) for value in part["enum"]) or "string"
    if "anyOf" in part:
        return "|".join(dict.fromkeys(_type(_resolved(one, schema), schema) for one in part["anyOf"]))
    if part.get("type") == "array":
        return f"list of {_type(_resolved(part.get('items') or {}, schema), schema)}"
    return str(part.get("type", "any"))


def _bounds(part: Mapping[str, Any]) -> str:
    """Those of the number itself are not worth a word."""
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    told = [f"{sign}{part[key]}" for key, sign in signs.items() if key in part and abs(part[key]) < _INT64]
    return " ".join(told) or _NOTHING


def _indented(rows: Iterable[list[str]]) -> list[list[str]]:
    return [[f"  {first}", *rest] for first, *rest in rows]
