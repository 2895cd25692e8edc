"""What stands out: trends, anomalies, and changes of level with the policy revision that began before them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analytics.store.joined import rfc3339
from analytics.store.performance import Revision
from analytics.trends import Anomaly, Change, anomalies, change_points, rate_change, trend
from analytics.views.performance.measures import JUDGED, MEASURES, Measured
from analytics.views.performance.span import TimeRange

SURE: Final = 0.001
"""p below which success rates differ."""
_BEFORE: Final = 60
"""Steps that a success rate is compared with."""
_MIN_ATTEMPTS: Final = 20
_CRITICAL: Final = 1e-9
TIED_US: Final = 600_000_000
TIED_STEPS: Final = 3
"""A change belongs to a revision that began within ten minutes or three steps before it, whichever is longer: levels
are told from whole steps, and a season hides the edge of a small one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A change of level of one measure."""

    metric: str
    change: Change
    revision: Revision | None
    """The one that began nearest before; None: none is known."""
    tied: bool
    """It began so shortly before that the change is told as since then."""

    @property
    def worse(self) -> bool:
        return (self.change.after > self.change.before) == MEASURES[self.metric].worse_up

    @property
    def sentence(self) -> str:
        what = f"{MEASURES[self.metric].label} {by(self.change)}"
        if self.revision is None:
            return f"since {rfc3339(self.change.at_us)[:16]}Z {what}"
        if self.tied:
            return f"since revision {self.revision.revision} {what}"
        after = (self.change.at_us - self.revision.at_us) / 3.6e9
        return f"{what}, {after:.1f} h after revision {self.revision.revision} began"

    def told(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "time": rfc3339(self.change.at_us),
            "before": round(self.change.before, 4),
            "after": round(self.change.after, 4),
            "change_ratio": None if self.change.share is None else round(self.change.share, 4),
            "worse": self.worse,
            "revision": self.revision.revision if self.revision else None,
            "revision_began": rfc3339(self.revision.at_us) if self.revision else None,
            "tied": self.tied,
            "sentence": self.sentence,
            "phrase": "change.alone" if self.revision is None else "change.tied" if self.tied else "change.later",
            "values": {
                "metric": self.metric,
                "before": self.change.before,
                "after": self.change.after,
                "share": self.change.share,
                "revision": self.revision.revision if self.revision else "",
            },
        }


def by(change: Change) -> str:
    """`+31 %`, or from what to what where there was nothing before."""
    if change.share is None or abs(change.share) >= 10:  # noqa: PLR2004 - beyond, factors say more than percent
        return f"from {change.before:.3g} to {change.after:.3g}"
    return f"{100 * change.share:+.0f} %"


def trends_of(what: Measured) -> tuple[list[dict[str, Any]], list[str]]:
    """What is told of R-157 `trends`, and the measures of which too little is known."""
    told, few = [], []
    for name in JUDGED:
        found = trend(what.series[name], MEASURES[name].floor)
        if found is None:
            few.append(name)
            continue
        told.append(
            {
                "metric": name,
                "direction": found.direction,
                "change_per_hour": round(found.per_hour, 6),
                "p_value": round(found.p_value, 6),
                "change_ratio_per_day": None if found.share_per_day is None else round(found.share_per_day, 4),
            }
        )
    return told, few


def anomalies_of(what: Measured, names: Sequence[str] = JUDGED) -> dict[str, list[Anomaly]]:
    """Measure -> what is out of the ordinary, oldest first, over the whole plan."""
    return {
        name: _unlikely(what) if name == "success_rate" else anomalies(what.series[name], MEASURES[name].floor)
        for name in names
    }


def _unlikely(what: Measured) -> list[Anomaly]:
    """A share of few is no measurement with noise of its own: steps whose successes a binomial test cannot explain by
    the share of the steps before."""
    found = []
    scheduled, ended = np.cumsum(what.scheduled), np.cumsum(what.ended)
    for place in np.flatnonzero(what.ended >= MIN_OF_A_STEP):
        first = max(0, int(place) - _BEFORE)
        if place == 0:
            continue
        good = int(scheduled[place - 1] - (scheduled[first - 1] if first else 0))
        total = int(ended[place - 1] - (ended[first - 1] if first else 0))
        if total < _MIN_ATTEMPTS:
            continue
        now, usual = int(what.scheduled[place]) / int(what.ended[place]), good / total
        if abs(now - usual) <= MEASURES["success_rate"].floor:
            continue
        chance = rate_change(good, total, int(what.scheduled[place]), int(what.ended[place]))
        if chance < SURE:
            severity: Any = "critical" if chance < _CRITICAL else "warning"
            at_us = what.plan.since_us + int(place) * what.plan.step_us
            # As many standard deviations as have this chance, near enough for an order.
            score = float(np.sqrt(-2 * np.log(max(chance, 1e-300))))
            found.append(Anomaly(at_us, now, usual, severity, score if now > usual else -score))
    return found


MIN_OF_A_STEP: Final = 5
"""Attempts without which the success rate of a step is not judged."""


def changes_of(what: Measured, names: Sequence[str] = JUDGED) -> list[Found]:
    """Changes of level over the whole plan, oldest first."""
    found = [
        Found(name, change, *revision_of(change.at_us, what))
        for name in names
        for change in change_points(what.series[name], MEASURES[name].floor)
        if name != "success_rate" or _differ(what, change)
    ]
    return sorted(found, key=lambda each: (each.change.at_us, each.metric))


def explained(metric: str, one: Anomaly, changes: Iterable[Found]) -> str | None:
    """When the level began that an anomaly belongs to: it is only unusual for what was before. None: it is unusual for
    the level of its time, too."""
    before = [each.change for each in changes if each.metric == metric and each.change.at_us <= one.at_us]
    if not before:
        return None
    last = before[-1]
    near = abs(one.value - last.after) < abs(one.value - one.expected)
    return rfc3339(last.at_us) if near and abs(one.value - last.after) <= abs(last.after - last.before) / 2 else None


def revision_of(at_us: int, what: Measured) -> tuple[Revision | None, bool]:
    """The revision that began nearest before the end of the step of a change, and whether the change is its own."""
    step_us = what.plan.step_us
    before = [each for each in what.revisions if each.at_us < at_us + step_us]
    if not before:
        return None, False
    # The revision that was in effect when all began, and the first that is known, changed nothing that could be seen.
    ours = before[-1].at_us > what.plan.since_us and at_us - before[-1].at_us <= max(TIED_US, TIED_STEPS * step_us)
    return before[-1], ours


def _differ(what: Measured, change: Change) -> bool:
    """Success rates by their attempts, not by their steps."""
    at = (change.at_us - what.plan.since_us) // what.plan.step_us
    window = slice(max(0, at - _BEFORE), at), slice(at, at + _BEFORE)
    (s1, n1), (s2, n2) = ((int(what.scheduled[part].sum()), int(what.ended[part].sum())) for part in window)
    return rate_change(s1, n1, s2, n2) < SURE


def within(found: Iterable[Found], span: TimeRange) -> Iterator[Found]:
    yield from (each for each in found if span.since_us <= each.change.at_us < span.until_us)
