"""All tenants: objects of the cluster, a ConfigMap's list, a file's list; and what of them is no good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from analytics.cluster import ClusterView
from extender.tenancy import Owners, Tenant, TenantError, owners_of, read_object, read_tenant

KIND: Final = "tenants.tenancy.trimtab.dev"
CONFIGMAPS: Final = "configmaps.tenants"
KEY: Final = "tenants.yaml"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Register:
    """Tenants by name, in the order in which they have their say: the older object first, then lists."""

    tenants: Mapping[str, Tenant] = field(default_factory=dict)
    owners: Owners = field(default_factory=lambda: owners_of(()))
    problems: tuple[tuple[str, str], ...] = ()
    """(where, what): entries that are left out, and namespaces that are another's."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Name -> object, configmap or file."""

    def of(self, namespace: str) -> Tenant | None:
        return self.owners.by_namespace.get(namespace)

    def namespaces(self, tenant: Tenant) -> Iterator[str]:
        """Those that are really its own."""
        return (name for name in tenant.namespaces if self.of(name) is tenant)


def register_of(view: ClusterView, file: Path | None = None) -> Register:
    """What of a list or an object cannot be used is told, and the rest counts."""
    problems: list[tuple[str, str]] = []
    found: dict[str, Tenant] = {}
    sources: dict[str, str] = {}
    for source, where, tree in (*_objects(view), *_listed(view, problems), *_filed(file, problems)):
        try:
            tenant = read_object(tree) if source == "object" else read_tenant(tree)
        except TenantError as wrong:
            problems.append((where, str(wrong)))
            continue
        if tenant.name in found:
            problems.append((where, f"tenant {tenant.name} is registered already, by {sources[tenant.name]}"))
            continue
        found[tenant.name], sources[tenant.name] = tenant, source
    owners = owners_of(found.values())
    problems += [(f"tenant {name}", why) for name, why in owners.problems.items()]
    return Register(found, owners, tuple(problems), sources)


Entry = tuple[str, str, Any]
"""(source, where it stands, the tree)."""


def _objects(view: ClusterView) -> list[Entry]:
    """The older ones first, as TenantQuota has it."""

    def age(item: tuple[str, Mapping[str, Any]]) -> tuple[str, str]:
        metadata = item[1].get("metadata")
        at = metadata.get("creationTimestamp") if isinstance(metadata, Mapping) else None
        return (at if isinstance(at, str) else "", item[0])

    return [("object", f"tenant {key}", tree) for key, tree in sorted(view.objects.get(KIND, {}).items(), key=age)]


def _listed(view: ClusterView, problems: list[tuple[str, str]]) -> Iterable[Entry]:
    for key, tree in sorted(view.objects.get(CONFIGMAPS, {}).items()):
        data = tree.get("data")
        text = data.get(KEY) if isinstance(data, Mapping) else None
        if text is not None:
            yield from _entries("configmap", f"ConfigMap {key}, {KEY}", text, problems)


def _filed(file: Path | None, problems: list[tuple[str, str]]) -> Iterable[Entry]:
    if file is None:
        return ()
    try:
        if file.stat().st_size > BYTES_MAX:
            problems.append((str(file.name), f"longer than {BYTES_MAX} bytes"))
            return ()
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as why:
        problems.append((file.name, f"cannot be read: {why}"))
        return ()
    return _entries("file", file.name, text, problems)


def _entries(source: str, where: str, text: object, problems: list[tuple[str, str]]) -> list[Entry]:
    if not isinstance(text, str) or len(text) > BYTES_MAX:
        problems.append((where, f"want text of at most {BYTES_MAX} characters"))
        return []
    try:
        trees = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as wrong:
        problems.append((where, f"no YAML: {' '.join(str(wrong).split())[:300]}"))
        return []
    if trees is None:
        return []
    if not isinstance(trees, list):
        problems.append((where, f"want a list of tenants, not {type(trees).__name__}"))
        return []
    return [(source, f"{where}[{at}]", tree) for at, tree in enumerate(trees)]
