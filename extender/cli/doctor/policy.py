"""Is what people wrote what is in effect, everywhere?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.scene import Scene
from extender.kube import KubeError
from extender.policy.flat import DOCUMENT_KEY, FLAT_KEYS
from extender.policy.last_good import STATE_SUFFIX
from extender.policy.status import ANNOTATION, CONDITION

SAY = Findings("policy")


async def policy(scene: Scene) -> list[Finding]:
    found = [*effective(scene.configz)] if scene.configz is not None else []
    if scene.where.target.policy_file is not None:
        return [*file(scene), *found]
    if scene.api is None:
        return [*found, SAY.skip("no API server to read the ConfigMap from", "see the lines of api")]
    if scene.configmap is None:
        missing = f"{scene.where.target.words}: {scene.configmap_trouble}"
        return [SAY.fail(missing, "kubectl apply -k deploy/base, or name it with -n and --configmap"), *found]
    return [*stored(scene.configmap), *replicas(scene.configmap), await last_good(scene), *found]


def file(scene: Scene) -> Iterable[Finding]:
    path = scene.where.target.policy_file
    assert path is not None  # noqa: S101 - asked only where there is one
    if path.is_file():
        yield SAY.ok(f"{path} is there")
    else:
        yield SAY.fail(f"{path} is no file", "name the policy that the extender was given with --policy")


def stored(configmap: Mapping[str, Any]) -> Iterable[Finding]:
    data = configmap.get("data") or {}
    name = f"configmap/{configmap['metadata']['namespace']}/{configmap['metadata']['name']}"
    if DOCUMENT_KEY in data or any(key in data for key in FLAT_KEYS):
        yield SAY.ok(f"{name} holds a policy")
    else:
        yield SAY.fail(f"{name} holds no {DOCUMENT_KEY}", "put the policy there: trimtab policy apply -f FILE")


def replicas(configmap: Mapping[str, Any]) -> Iterable[Finding]:
    """What each replica wrote about it into the annotation."""
    text = (configmap["metadata"].get("annotations") or {}).get(ANNOTATION)
    try:
        status = json.loads(text or "{}")
        conditions = {c["type"]: c for c in status.get("conditions") or ()}
        told = dict(status.get("replicas") or {})
    except (ValueError, KeyError, TypeError, AttributeError):
        yield SAY.fail(f"the annotation {ANNOTATION} is unreadable", "remove it: it is written again at the next edit")
        return
    if not told:
        yield SAY.fail("no extender has seen it yet", "start the extender with --policy-configmap of this ConfigMap")
        return
    applied = conditions.get(CONDITION) or {}
    if applied.get("status") != "True":
        yield SAY.fail(
            f"the last edit was refused ({applied.get('reason', '?')}): {applied.get('message', '')}",
            "correct it, or trimtab policy rollback; until then the last good policy is in effect",
        )
        return
    newest = max((str(entry.get("observed", "")) for entry in told.values()), key=_as_number)
    for replica, entry in told.items():
        if entry.get("status") != "True" or str(entry.get("observed")) != newest:
            yield SAY.warn(
                f"replica {replica} is at revision {entry.get('revision')}, others at {newest}",
                "if it still runs, read its log; one that is gone is forgotten in time",
            )
    yield SAY.ok(f"revision {newest} is in effect")


async def last_good(scene: Scene) -> Finding:
    target = scene.where.target
    name = f"{target.configmap}{STATE_SUFFIX}"
    try:
        kept = await scene.object(f"/api/v1/namespaces/{target.namespace}/configmaps/{name}")
    except KubeError as trouble:
        return SAY.warn(f"cannot read configmap {name}: {trouble}", "grant get on it")
    if kept is None:
        return SAY.fail(
            f"configmap {target.namespace}/{name} does not exist: after a restart amid a bad edit every plugin is off",
            "kubectl apply -k deploy/base makes it",
        )
    if not kept.get("data") and not kept.get("binaryData"):
        return SAY.warn(f"configmap {name} is empty: no last good policy is kept yet", "wait for an edit that is good")
    return SAY.ok(f"configmap {name} keeps the last good policy")


def effective(configz: Mapping[str, Any]) -> Iterable[Finding]:
    desired = configz.get("desired") or {}
    if desired.get("error"):
        yield SAY.fail(
            f"the extender refuses revision {desired.get('revision')}: {desired['error']}",
            f"correct it; revision {configz.get('revision') or '(none)'} is in effect until then",
        )
    elif desired.get("hash") != configz.get("hash"):
        yield SAY.warn(
            f"the extender has revision {configz.get('revision')} in effect and is given {desired.get('revision')}",
            "ask again in a second",
        )
    else:
        yield SAY.ok(f"effective = desired in the extender: {configz.get('revision') or 'nothing'}")


def _as_number(text: str) -> int:
    return int(text) if text.isdigit() else -1
