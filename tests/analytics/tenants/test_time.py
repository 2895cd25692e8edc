"""A tenant over time: charts of any stretch, and when its quota will be reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.store import Store
from analytics.store.tables import TenantSampleRow
from analytics.store.tenants import MINUTE_US, TenantHistory
from analytics.views.declaration import NotValid
from analytics.views.tenants.time import DAY_US, HOUR_US, POINTS, STRETCH_MAX_US, charted, exhaustion, stretch
from tests.analytics.tenants.a_tenancy import TEAM_A, a_cluster
from tests.analytics.tenants.test_tenants import Scene, nine_cpus

NOW_US = 1_767_323_045_000_000 // HOUR_US * HOUR_US


def kept(store: Store, used_at: list[tuple[int, int]], quota: int = 10_000, most: int = 15_000) -> TenantHistory:
    history = TenantHistory(store)
    history.add_samples([TenantSampleRow(at, "team-a", "cpu", used, quota, most) for at, used in used_at])
    return history


def test_a_chart_tells_mean_and_peak_of_each_step(store: Store) -> None:
    history = kept(store, [(NOW_US + minute * MINUTE_US, 1000 * minute) for minute in range(8)])
    found = charted(history, "team-a", NOW_US, NOW_US + 20 * HOUR_US)
    assert found["step_s"] == 300
    points = [(one["mean"], one["peak"], one["used"], one["quota"], one["limit"]) for one in found["resources"]["cpu"]]
    assert points == [(2000, 4000, "2", 10_000, 15_000), (6000, 7000, "6", 10_000, 15_000)]


@given(st.integers(0, 2**53), st.integers(1, STRETCH_MAX_US))
def test_whatever_the_stretch_a_chart_has_few_steps(since: int, length: int) -> None:
    found: list[int] = []

    class Counting:
        def series(self, _tenant: str, since_us: int, until_us: int, step_us: int) -> list[object]:
            found.append((until_us - since_us) // step_us)
            return []

    charted(Counting(), "team-a", since, since + length)  # type: ignore[arg-type]
    assert found[0] <= POINTS


def test_use_that_grows_evenly_reaches_quota_and_limit_when_it_must(store: Store) -> None:
    """From 2 to 8 cpus in ten days: 10 after 3.3 days more, 15 after 11.7."""
    hours = range(240)
    history = kept(store, [(NOW_US - (240 - hour) * HOUR_US, 2000 + 25 * hour) for hour in hours])
    (cpu,) = exhaustion(history, "team-a", NOW_US)
    assert (cpu["used"], cpu["quota"], cpu["peak_day"], cpu["unused_day"]) == ("7975m", "10", "7975m", "2025m")
    assert cpu["quota_reached"]["days"] == pytest.approx(81 / 24, abs=0.3)
    assert cpu["limit_reached"]["days"] == pytest.approx(281 / 24, abs=1)
    assert cpu["quota_reached"]["earliest"] <= cpu["quota_reached"]["time"] <= cpu["quota_reached"]["latest"]


def test_use_that_stays_reaches_nothing_and_too_little_history_says_nothing(store: Store) -> None:
    history = kept(store, [(NOW_US - (240 - hour) * HOUR_US, 4000) for hour in range(240)])
    (cpu,) = exhaustion(history, "team-a", NOW_US)
    assert (cpu["quota_reached"], cpu["limit_reached"]) == (None, None)
    assert exhaustion(history, "nobody", NOW_US) == []


def test_a_short_history_is_foretold_by_few_or_not_at_all(store: Store) -> None:
    history = kept(store, [(NOW_US - minute * MINUTE_US, 1000) for minute in range(20)])
    (cpu,) = exhaustion(history, "team-a", NOW_US)
    assert (cpu["method"], cpu["quota_reached"], cpu["ahead_s"]) == (None, None, 0)


def test_what_is_over_is_reached_now(store: Store) -> None:
    history = kept(store, [(NOW_US - (240 - hour) * HOUR_US, 12_000) for hour in range(240)])
    (cpu,) = exhaustion(history, "team-a", NOW_US)
    assert cpu["quota_reached"]["days"] == 0
    assert cpu["limit_reached"] is None


@pytest.mark.parametrize(
    ("since", "until"), [(5, 5), (9, 5), (-(2**60), 2**60), (0, NOW_US), (NOW_US - 61 * DAY_US, NOW_US)]
)
def test_absurd_stretches_are_refused(since: int, until: int) -> None:
    with pytest.raises(NotValid):
        stretch({"since": since, "until": until}, NOW_US)


@pytest.mark.parametrize(
    "query",
    ["since=10000d", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since=yesterday", "until=1e99",
     "since=9999-12-31T23:59:59Z", "since=-5", "limit=5"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["history", "chart"])
def test_absurd_questions_are_refused_and_the_next_is_answered(tmp_path: Path, path: str, query: str) -> None:
    scene = Scene(a_cluster(TEAM_A, pods=nine_cpus()), tmp_path)
    answer = scene.ask("GET", f"/api/v1/tenants/team-a/{path}?{query}")
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["details"][0]["path"]
    assert scene.data(f"/api/v1/tenants/team-a/{path}")["tenant"] == "team-a"
    assert scene.data("/api/v1/tenants/team-a/forecast")["resources"] == []
