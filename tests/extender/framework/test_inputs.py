"""What a plugin reads is told as present, missing or stale, with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from extender.framework.declaration import Kind, Plugin
from extender.framework.inputs import NODE_LOAD, WATCH_STALE_S, Known, State, inputs_of, unknown_inputs_of

GROUPS = Kind("scheduling.x-k8s.io", "v1alpha1", "podgroups", "PodGroup")
BUDGETS = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
PLUGIN = Plugin(name="P", doc="d", watches=(GROUPS, BUDGETS), reads_load=True)


def row(**more: Any) -> dict[str, Any]:
    return {"present": True, "error": "", "lag_s": 1.0, **more}


def told(known: Known) -> dict[str, tuple[State, str]]:
    return {found.name: (found.state, found.detail) for found in inputs_of(PLUGIN, known)}


def test_every_declared_input_is_told_in_its_order() -> None:
    assert list(told(Known({}, {}))) == ["PodGroup", "PodDisruptionBudget", NODE_LOAD] == unknown_inputs_of(PLUGIN)


@pytest.mark.parametrize(
    ("watched", "state", "detail"),
    [
        (row(), State.PRESENT, "2 objects"),
        (row(present=False), State.MISSING, "the cluster does not serve podgroups.scheduling.x-k8s.io"),
        (row(present=False, error="HTTP 403"), State.MISSING, "HTTP 403"),
        (row(error="connection refused"), State.STALE, "connection refused"),
        (row(lag_s=WATCH_STALE_S + 1), State.STALE, "silent for 301 s"),
    ],
)
def test_a_watched_kind_is_as_its_watch_is(watched: dict[str, Any], state: State, detail: str) -> None:
    known = Known({"podgroups.scheduling.x-k8s.io": watched}, {"PodGroup": ["a/b", "a/c"]})
    assert told(known)["PodGroup"] == (state, detail)


def test_without_an_api_server_the_objects_themselves_tell() -> None:
    found = told(Known({}, {"PodGroup": ["a/b"]}))
    assert found["PodGroup"] == (State.PRESENT, "1 object")
    assert found["PodDisruptionBudget"][0] is State.MISSING


@pytest.mark.parametrize(("age_s", "state"), [(None, State.MISSING), (10.0, State.PRESENT), (301.0, State.STALE)])
def test_node_load_grows_stale(age_s: float | None, state: State) -> None:
    assert told(Known({}, {}, load_age_s=age_s, load_stale_s=300.0))[NODE_LOAD][0] is state


def test_what_is_told_says_present_for_those_who_only_ask_that() -> None:
    found = inputs_of(PLUGIN, Known({}, {}))[0].told()
    assert found == {"name": "PodGroup", "state": "missing", "detail": "none", "optional": True, "present": False}
