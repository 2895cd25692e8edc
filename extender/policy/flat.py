"""The flat form of a policy: enabled_plugins, disabled_plugins and plugin_configs, and what they become.

It stands inside policy.yaml, or as three keys of a ConfigMap's data; there each value is text of its own.
It knows no profiles, so it becomes one profile that governs every scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

from extender.policy.catalogue import PHASES
from extender.policy.document import (
    API_VERSION,
    EVERY_SCHEDULER,
    FIELD_OF_PHASE,
    KIND,
    DisabledPlugin,
    EnabledPlugin,
    Metadata,
    PluginConfig,
    Plugins,
    PluginSet,
    Profile,
    SchedulingPolicy,
)
from extender.policy.problem import Findings, PolicyRefused, at, below, nearest, shown
from extender.policy.reading import read
from extender.policy.structure import Places, Structure

ENABLED, DISABLED, CONFIGS = FLAT_KEYS = ("enabled_plugins", "disabled_plugins", "plugin_configs")
DOCUMENT_KEY = "policy.yaml"
_BESIDE = frozenset({"apiVersion", "kind", "metadata"})

Entry = TypeVar("Entry", EnabledPlugin, DisabledPlugin)


class _Flat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled_plugins: dict[str, tuple[str, ...]] = {}
    disabled_plugins: dict[str, tuple[str, ...]] = {}
    plugin_configs: dict[str, dict[str, Any]] = {}
    metadata: Metadata = Metadata()
    apiVersion: Literal["policy.trimtab.dev/v1alpha1"] = API_VERSION  # noqa: N815 - the document's own word
    kind: Literal["SchedulingPolicy"] = KIND


def is_flat(tree: Mapping[str, Any]) -> bool:
    return any(key in tree for key in FLAT_KEYS)


def from_flat(tree: Mapping[str, Any], findings: Findings, places: Places) -> SchedulingPolicy | None:
    """The document that a flat policy becomes; None when it has no readable shape (told in `findings`)."""
    _refuse_mixture(tree, findings)
    own = _texts_read({key: tree[key] for key in tree if key in FLAT_KEYS or key in _BESIDE}, findings)
    flat = Structure(findings, Places()).part(_Flat, own, "")
    if flat is None:
        return None
    profile = Profile(
        scheduler_name=EVERY_SCHEDULER,
        plugins=_plugins(own, findings, places),
        plugin_config=tuple(_configs(flat, places)),
    )
    places.put(profile, "")
    return SchedulingPolicy(api_version=API_VERSION, kind=KIND, metadata=flat.metadata, profiles=(profile,))


def _refuse_mixture(tree: Mapping[str, Any], findings: Findings) -> None:
    present = [key for key in FLAT_KEYS if key in tree]
    for key in tree:
        if key not in FLAT_KEYS and key not in _BESIDE:
            findings.wrong(
                at("", key), f"stands beside {present[0]}", "keep one form: the flat keys, or a document with profiles"
            )


def _texts_read(tree: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """Values that are text (as a ConfigMap's data holds them) read in their turn."""
    return {
        key: _text_read(key, value, findings) if key in FLAT_KEYS and isinstance(value, str) else value
        for key, value in tree.items()
    }


def _text_read(key: str, text: str, findings: Findings) -> Any:
    if not text.strip():
        return None
    inner = Findings()
    try:
        value = read(text, inner)
    except PolicyRefused as refused:
        problems, value = refused.problems, None
    else:
        problems = inner.problems
    for problem in problems:
        findings.wrong(below(key, problem.path), problem.message, problem.hint)
    return value


def _plugins(tree: Mapping[str, Any], findings: Findings, places: Places) -> Plugins:
    on = _by_phase(tree, ENABLED, findings)
    off = _by_phase(tree, DISABLED, findings)
    sets = {}
    for phase in PHASES:
        enabled = tuple(_placed(EnabledPlugin(name=name), path, places) for path, name in on.get(phase, ()))
        disabled = tuple(_placed(DisabledPlugin(name=name), path, places) for path, name in off.get(phase, ()))
        if enabled or disabled:
            sets[FIELD_OF_PHASE[phase]] = PluginSet(enabled=enabled, disabled=disabled)
    return Plugins(**sets)


def _by_phase(tree: Mapping[str, Any], key: str, findings: Findings) -> dict[str, list[tuple[str, str]]]:
    """phase -> (path, name) of each entry that is a name."""
    lists = tree.get(key)
    named: dict[str, list[tuple[str, str]]] = {}
    for phase, names in lists.items() if isinstance(lists, Mapping) else ():
        path = at(key, phase)
        if phase not in PHASES:
            findings.wrong(path, f"unknown phase {shown(phase)}", nearest(phase, PHASES))
        elif isinstance(names, list):
            named[phase] = [(at(path, index), name) for index, name in enumerate(names) if isinstance(name, str)]
    return named


def _configs(flat: _Flat, places: Places) -> list[PluginConfig]:
    configs = []
    for name, args in flat.plugin_configs.items():
        config = PluginConfig(name=name, args=args)
        path = at(CONFIGS, name)
        places.put(config, path, path)
        configs.append(config)
    return configs


def _placed(entry: Entry, path: str, places: Places) -> Entry:
    places.put(entry, path, path)
    return entry
