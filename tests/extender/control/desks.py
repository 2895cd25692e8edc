"""Desks for tests: on files, or on the API server's stand-in; with a clock that stands still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extender.control import (
    Actor,
    AnnotationEffective,
    ConfigMapStore,
    ControllerRevisionHistory,
    Desk,
    FileAudit,
    FileHistory,
    FileStore,
    FixedCatalogue,
)
from extender.policy import parse
from extender.policy.outcome import APPLIED, Outcome
from extender.policy.status import ANNOTATION, merged
from tests.extender.policy.a_catalogue import A_POLICY, CATALOGUE
from tests.extender.policy.fake_api import CONFIGMAPS, NAMESPACE, FakeApi

NAME = "trimtab-policy"
NOW = 1_767_323_045.0  # 2026-01-02T03:04:05Z
ANNA = Actor("anna", ("admins",), "web", "r1", "127.0.0.1")
FLAT = """enabled_plugins:
  filter: [Rescheduler]
  score: [Rescheduler]
disabled_plugins:
  filter: [Coscheduling]
plugin_configs:
  Rescheduler: {cpuThreshold: 80.0, memoryThreshold: 80.0}
"""
FLAT_KEYS = {
    "enabled_plugins": "filter: [Rescheduler]\nscore: [Rescheduler]\n",
    "disabled_plugins": "# kept as it is\nfilter: [Coscheduling]\n",
    "plugin_configs": "Rescheduler: {cpuThreshold: 80.0, memoryThreshold: 80.0}\n",
}


def on_files(folder: Path, text: str = A_POLICY, **more: Any) -> Desk:
    path = folder / "policy.yaml"
    path.write_text(text)
    return Desk(
        FileStore(path), FileHistory(folder / "history", clock=lambda: NOW), FixedCatalogue(CATALOGUE),
        FileAudit(folder / "audit.jsonl", clock=lambda: NOW), more.pop("effective", None), lambda: NOW,
        effect_s=0.0, **more,
    )  # fmt: skip


def on_cluster(api: FakeApi, folder: Path, **more: Any) -> Desk:
    store = ConfigMapStore(api, NAMESPACE, NAME, clock=lambda: NOW)
    return Desk(
        store, ControllerRevisionHistory(api, NAMESPACE, NAME, clock=lambda: NOW), FixedCatalogue(CATALOGUE),
        FileAudit(folder / "audit.jsonl", clock=lambda: NOW), more.pop("effective", AnnotationEffective(store)),
        lambda: NOW, effect_s=more.pop("effect_s", 0.0), **more,
    )  # fmt: skip


def an_api(data: dict[str, str] | None = None, **metadata: Any) -> FakeApi:
    api = FakeApi()
    api.put(NAME, {"policy.yaml": A_POLICY} if data is None else data, **metadata)
    return api


def extenders_follow(api: FakeApi, *replicas: str) -> None:
    """What running replicas do after each change of the data: they write what is in effect to the annotation."""
    path = f"{CONFIGMAPS}/{NAME}"
    stored = api._store

    def store(of: str, body: dict[str, Any], kind: str) -> dict[str, Any]:
        data_before = api.objects.get(of, {}).get("data")
        kept = stored(of, body, kind)
        if of == path and kept.get("data") != data_before:
            text = kept["data"]["policy.yaml"]
            version = kept["metadata"]["resourceVersion"]
            outcome = Outcome(APPLIED, "", version, version, parse(text, CATALOGUE).hash)
            note = (kept["metadata"].get("annotations") or {}).get(ANNOTATION, "")
            for replica in replicas:
                note = merged(note, replica, outcome, NOW)
            metadata = {
                **kept["metadata"],
                "annotations": {**(kept["metadata"].get("annotations") or {}), ANNOTATION: note},
            }
            stored(of, {**kept, "metadata": metadata}, "MODIFIED")
        return kept

    api._store = store  # type: ignore[method-assign, assignment]
