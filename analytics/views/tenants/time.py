"""One tenant over time: what it used, and when its quota and its limit will be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analytics.store.joined import rfc3339
from analytics.store.tenants import MINUTE_US, TenantHistory, TenantStep
from analytics.trends import Reach, Series, forecast, reaches
from analytics.views.declaration import NotValid
from extender.tenancy import told

HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US
POINTS: Final = 240
"""Steps of a chart: as many as a wide screen can tell apart."""
STEPS_US: Final = tuple(minutes * MINUTE_US for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720))
STRETCH_MAX_US: Final = 60 * DAY_US
"""Longer than samples are kept."""
KNOWN_US: Final = 21 * DAY_US
"""A forecast stands on so much of the past: three weeks, whose week days are all there."""
AHEAD_US: Final = 60 * DAY_US
FINE_US: Final = 5 * MINUTE_US
TIMES_KNOWN: Final = 4
"""A forecast looks at most so many times as far ahead as it has looked back."""


def stretch(given: Mapping[str, Any], now_us: int) -> tuple[int, int]:
    """Of a question with `since` and `until`, by default the last day. Raises NotValid."""
    until = given["until"] if given["until"] is not None else now_us + 1
    since = given["since"] if given["since"] is not None else until - DAY_US
    if since >= until:
        raise NotValid("since", "want a time before `until`")
    if until - since > STRETCH_MAX_US:
        raise NotValid("since", f"want at most {STRETCH_MAX_US // DAY_US} days before `until`")
    return since, until


def charted(history: TenantHistory, tenant: str, since: int, until: int) -> dict[str, Any]:
    """Columns for a chart, one for each resource; a step without samples is absent. Raises StoreError."""
    step_us = next((step for step in STEPS_US if (until - since) // step <= POINTS), STEPS_US[-1])
    resources: dict[str, list[dict[str, Any]]] = {}
    for step in history.series(tenant, since, until, step_us):
        resources.setdefault(step.resource, []).append(
            {
                "time": rfc3339(step.at_us),
                "used": told(step.resource, step.mean),
                "mean": step.mean,
                "peak": step.peak,
                "quota": step.quota,
                "limit": step.limit,
            }
        )
    return {"step_s": step_us // 1_000_000, "from": rfc3339(since), "until": rfc3339(until), "resources": resources}


def exhaustion(history: TenantHistory, tenant: str, now_us: int) -> list[dict[str, Any]]:
    """For each resource of which there are samples. Raises StoreError."""
    steps = history.series(tenant, now_us - KNOWN_US, now_us, HOUR_US)
    since = min((step.at_us for step in steps), default=now_us)
    step_us = HOUR_US
    if now_us - since < 2 * DAY_US:  # too few hours to say anything by
        step_us = FINE_US
        steps = history.series(tenant, now_us - 2 * DAY_US, now_us, step_us)
    names = dict.fromkeys(step.resource for step in steps)
    return [_foretold([one for one in steps if one.resource == name], step_us, now_us) for name in names]


def _foretold(steps: Sequence[TenantStep], step_us: int, now_us: int) -> dict[str, Any]:
    newest = steps[-1]
    since = steps[0].at_us
    # The step under way has not seen its peak yet.
    until = max(since, now_us - now_us % step_us)
    series = Series.of(((one.at_us, float(one.peak)) for one in steps), step_us // 1_000_000, since, until)
    ahead_s = max(step_us, min(AHEAD_US, TIMES_KNOWN * (until - since))) // 1_000_000
    peak = max((one.peak for one in steps if one.at_us >= now_us - DAY_US), default=newest.peak)
    found = forecast(series, ahead_s) if len(series) else None
    return {
        "resource": newest.resource,
        "used": told(newest.resource, newest.peak),
        "quota": told(newest.resource, newest.quota),
        "limit": told(newest.resource, newest.limit),
        "peak_day": told(newest.resource, peak),
        "unused_day": told(newest.resource, max(0, newest.quota - peak)),
        "method": found.method if found else None,
        "error_share": round(found.error_share, 4) if found else None,
        "ahead_s": ahead_s if found else 0,
        "quota_reached": _reached(series, newest.peak, newest.quota, ahead_s, now_us) if found else None,
        "limit_reached": _reached(series, newest.peak, newest.limit, ahead_s, now_us) if found else None,
    }


def _reached(series: Series, used: int, level: int, ahead_s: int, now_us: int) -> dict[str, Any] | None:
    """None: not within the time that is looked ahead, or it is reached already and will not be left."""
    if used >= level:
        return {"time": rfc3339(now_us), "earliest": rfc3339(now_us), "latest": rfc3339(now_us), "days": 0.0}
    found: Reach | None = reaches(series, float(level), ahead_s)
    if found is None:
        return None
    days = None if found.at_us is None else round(max(0, found.at_us - now_us) / DAY_US, 2)
    return {
        "time": _told(found.at_us),
        "earliest": _told(found.earliest_us),
        "latest": _told(found.latest_us),
        "days": days,
    }


def _told(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
