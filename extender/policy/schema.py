"""JSON Schema of the whole document, out of the types, with each plugin's args where they belong."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from extender.policy.args import UPSTREAM_MARKS, root_of
from extender.policy.catalogue import Catalogue, PluginInfo, names_of
from extender.policy.document import ALL_PLUGINS, SchedulingPolicy

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(catalogue: Catalogue) -> dict[str, Any]:
    """Draft 2020-12, of the document form (not of the flat one)."""
    names = names_of(catalogue)
    schema: dict[str, Any] = msgspec.json.schema(SchedulingPolicy)
    parts = schema["$defs"]
    parts["EnabledPlugin"]["properties"]["name"] = {"enum": sorted(names)}
    disabled = parts["DisabledPlugin"]["properties"]["name"]
    parts["DisabledPlugin"]["properties"]["name"] = {
        "description": disabled["description"],
        "enum": [ALL_PLUGINS, *sorted(names)],
    }
    parts["PluginConfig"]["properties"]["name"] = {"enum": sorted(names)}
    parts["PluginConfig"]["allOf"] = [
        {
            "if": {"properties": {"name": {"enum": sorted((info.name, *info.aliases))}}},
            "then": {"properties": {"args": {"$ref": _address(info)}}},
        }
        for info in catalogue.values()
    ]
    parts |= {f"{info.name}Args": _args_schema(info) for info in catalogue.values()}
    whole = {"$schema": _DIALECT, "title": SchedulingPolicy.__name__, **schema}
    # By way of JSON: defaults out of the types are tuples.
    return msgspec.json.decode(msgspec.json.encode(whole), type=dict[str, Any])


def _args_schema(info: PluginInfo) -> dict[str, Any]:
    """A resource of its own, so that its `$ref`s keep pointing into itself."""
    schema = copy.deepcopy(root_of(info.args_schema))
    properties = schema.setdefault("properties", {})
    for mark in UPSTREAM_MARKS:
        properties.setdefault(mark, {"type": "string", "description": "Of a pasted configuration; dropped."})
    return {**schema, "$id": _address(info)}


def _address(info: PluginInfo) -> str:
    return f"urn:trimtab:args:{info.name}"
