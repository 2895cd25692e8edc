"""What views answer from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics.cluster import Cluster
from analytics.store import Store


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """What an operator says of the tools. Read it anew for each use: it may be changed while the sidecar runs."""

    interval_s: float = 30.0
    """R-247: how often figures are collected."""
    schedulers: tuple[str, ...] = ()
    """Names of schedulers to tell apart; empty: those that are seen."""
    audit_logs: tuple[Path, ...] = ()
    audit_token: Path | None = None
    """File with the token that the API server's audit webhook sends; None: the receiver is closed."""
    audit_rules: Path | None = None
    """Folder of rules beside the shipped ones, read again when it changes."""
    scheduler_identities: tuple[str, ...] = ("system:kube-scheduler",)
    """Who may bind pods, as the audit log names them."""
    deployers: tuple[str, ...] = ()
    """Who applies what others have reviewed, as the audit log names them: some rules have less to say of them."""
    prometheus: str = ""
    load_watcher: str = ""
    scheduler_metrics: str = ""
    """URL of kube-scheduler's own metrics; empty: they are not looked at."""
    scheduler_metrics_token: Path | None = None
    scheduler_metrics_ca: Path | None = None
    tenants_file: Path | None = None
    """Tenants as a list in YAML, beside those that are objects of the cluster."""
    tenants_configmap: tuple[str, str] = ("trimtab-system", "trimtab-tenants")


def _defaults() -> ToolSettings:
    return ToolSettings()


@dataclass(frozen=True, slots=True)
class Sources:
    store: Store
    cluster: Cluster = field(default_factory=Cluster.nowhere)
    extender: str = "http://127.0.0.1:8889"
    """Its admin address."""
    settings: Callable[[], ToolSettings] = _defaults
    ingest: Callable[[], Mapping[str, Any]] = dict
    """What the ingest says of itself (Ingest.status); nothing where none runs."""
