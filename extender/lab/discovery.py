"""What clients ask first: versions, groups and resources. Enough for kubectl to read the lab."""

from __future__ import annotations

from typing import Any

import orjson

from extender.lab.kinds import SERVED, groups

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_SUB_VERBS = {"binding": ["create"], "eviction": ["create"], "status": ["get", "patch", "update"]}
_SUB_KINDS = {"binding": "Binding", "eviction": "Eviction"}
_VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0-trimtab-lab",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "lab",
}


def discover(path: str) -> bytes | None:
    """The body for a discovery path, or None if it is none."""
    match path.strip("/").split("/"):
        case ["version"]:
            return orjson.dumps(_VERSION)
        case ["api"]:
            return _line({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        case ["apis"]:
            listed = [_group(group, version) for group, version in sorted(groups()) if group]
            return _line({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})
        case ["api", "v1"]:
            return _resources("", "v1")
        case ["apis", group, version] if (group, version) in groups():
            return _resources(group, version)
        case ["apis", group] if found := [v for g, v in groups() if g == group]:
            return _line({"kind": "APIGroup", "apiVersion": "v1", **_group(group, found[0])})
    return None


def _group(group: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [served], "preferredVersion": served}


def _resources(group: str, version: str) -> bytes:
    listed: list[dict[str, Any]] = []
    for kind in SERVED:
        if (kind.group, kind.version) != (group, version):
            continue
        row = {
            "name": kind.plural,
            "singularName": kind.kind.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": _VERBS,
        }
        listed.append(row | ({"shortNames": list(kind.short)} if kind.short else {}))
        for sub in kind.subresources:
            name = _SUB_KINDS.get(sub, kind.kind)
            listed.append(
                {
                    "name": f"{kind.plural}/{sub}",
                    "singularName": "",
                    "namespaced": kind.namespaced,
                    "kind": name,
                    "verbs": _SUB_VERBS[sub],
                }
            )
    place = f"{group}/{version}" if group else version
    return _line({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": place, "resources": listed})


def _line(tree: dict[str, Any]) -> bytes:
    return orjson.dumps(tree) + b"\n"
