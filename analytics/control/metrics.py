"""What is counted of changes (R-199, R-200, R-202). `COLLECTORS` belong in the registry of whoever serves /metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

TOGGLES = Counter(
    "trimtab_plugin_toggles_total",
    "Plugins enabled and disabled over the API, by phase.",
    ["plugin", "phase", "action"],
    registry=None,
)
UPDATES = Counter(
    "trimtab_policy_updates_total",
    "Changes of the policy asked for over the API; plugin is `all` for the policy as a whole.",
    ["plugin", "result"],
    registry=None,
)
RESTARTS = Counter("trimtab_scheduler_restarts_total", "Restarts of the scheduler asked for and begun.", registry=None)
REFUSALS = Counter("trimtab_api_refusals_total", "Calls of the API that were refused.", ["code"], registry=None)

BACKUPS = Counter("trimtab_backups_total", "Scheduled backups, by how they ended.", ["result"], registry=None)
LAST_BACKUP = Gauge(
    "trimtab_backup_last_success_timestamp_seconds",
    "When the last scheduled backup was made by this process; 0: none yet.",
    registry=None,
)
for _result in ("made", "failed"):
    BACKUPS.labels(_result)

COLLECTORS = (TOGGLES, UPDATES, RESTARTS, REFUSALS, BACKUPS, LAST_BACKUP)

ALL = "all"
_known = {ALL}


def known(plugins: Iterable[str]) -> None:
    """Names that may become labels; what callers make up is counted as `unknown`."""
    _known.update(plugins)


def count_backup(*, made: bool) -> None:
    BACKUPS.labels("made" if made else "failed").inc()
    if made:
        LAST_BACKUP.set_to_current_time()


def count_done(plugin: str) -> None:
    known((plugin,))
    UPDATES.labels(plugin, "success").inc()


def count_refused(plugin: str, code: int) -> None:
    UPDATES.labels(plugin if plugin in _known else "unknown", "error" if code >= 500 else "refused").inc()  # noqa: PLR2004
