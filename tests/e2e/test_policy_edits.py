"""An edit that cannot be right changes nothing, and everybody who looks can see why."""

from __future__ import annotations

import json
from collections import Counter

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.policies import by_size
from tests.e2e.process import eventually
from tests.e2e.programs import POLICY_LIMIT_S, Extender, PolicyConfigMap

UNKNOWN = "NodeResourcesAllocatible"


def _invalid() -> str:
    return json.dumps(by_size("Most")).replace("NodeResourcesAllocatable", UNKNOWN)


def _reload_succeeded(extender: Extender) -> float:
    return extender.metric("trimtab_policy_last_reload_successful")


def test_an_invalid_edit_changes_nothing_and_shows_in_annotation_event_configz_and_metric(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    room = {"memory": "64Gi", "pods": "110"}
    nodes = pool.add_nodes([room | {"cpu": str(20 + 10 * i)} for i in range(4)])
    name = policy.apply(by_size("Least"))
    before = extender.configz()
    assert _reload_succeeded(extender) == 1

    policy.edit(_invalid())

    eventually("the metric says no", lambda: _reload_succeeded(extender) == 0, POLICY_LIMIT_S, extender.log_tail)
    now = extender.configz()
    assert policy.effective_name() == name
    assert (now["revision"], now["hash"]) == (before["revision"], before["hash"])
    assert UNKNOWN in json.dumps(now["desired"]["error"])
    eventually("the annotation names it", lambda: UNKNOWN in policy.status(), POLICY_LIMIT_S, policy.status)
    eventually(
        "a warning event names it",
        lambda: any(event["type"] == "Warning" and UNKNOWN in event["message"] for event in policy.events()),
        POLICY_LIMIT_S,
        policy.events,
    )

    pool.create(pool.pod(f"pod-{i}") for i in range(5))
    assert Counter(pool.wait_bound(5).values()) == {nodes[0]: 5}


def test_the_last_good_policy_outlives_a_restart_in_the_middle_of_a_bad_edit(
    extender: Extender, policy: PolicyConfigMap
) -> None:
    name = policy.apply(by_size("Least"))
    policy.edit(_invalid())
    eventually("the metric says no", lambda: _reload_succeeded(extender) == 0, POLICY_LIMIT_S)

    extender.kill()
    extender.run()

    eventually("the last good policy", lambda: policy.effective_name() == name, POLICY_LIMIT_S, extender.configz)
    assert UNKNOWN in json.dumps(extender.configz()["desired"].get("error"))


def test_a_mended_edit_takes_effect(extender: Extender, policy: PolicyConfigMap) -> None:
    policy.apply(by_size("Least"))
    policy.edit(_invalid())
    eventually("the metric says no", lambda: _reload_succeeded(extender) == 0, POLICY_LIMIT_S)

    name = policy.apply(by_size("Most"))

    assert _reload_succeeded(extender) == 1
    eventually("the annotation forgets it", lambda: UNKNOWN not in policy.status(), POLICY_LIMIT_S, policy.status)
    assert policy.effective_name() == name
