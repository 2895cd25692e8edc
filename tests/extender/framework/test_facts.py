from __future__ import annotations

import pytest

from extender.framework.facts import PodFacts
from extender.model.pod import Container, Pod
from extender.quantity import QuantityError


def a_pod(**fields: object) -> Pod:
    return Pod(namespace="ns", name="p", uid="u", **fields)  # type: ignore[arg-type]


def test_requests_are_those_that_the_scheduler_counts() -> None:
    app = Container(requests={"cpu": "1500m", "memory": "1Gi", "ephemeral-storage": "2k"})
    sidecar = Container(requests={"cpu": "100m"}, sidecar=True)
    facts = PodFacts(a_pod(containers=(app,), init_containers=(sidecar,), overhead={"memory": "1Mi"}))
    assert facts.requested_cpu_milli == 1600
    assert facts.requested_memory_bytes == 2**30 + 2**20
    assert facts.requested_ephemeral_bytes == 2000


def test_absent_facts_are_zero() -> None:
    facts = PodFacts(a_pod())
    assert [getattr(facts, name) for name, _kind, _meaning in PodFacts.FACTS] == [0] * len(PodFacts.FACTS)


def test_every_listed_fact_exists_with_its_kind() -> None:
    facts = PodFacts(a_pod(priority=7, created_at_s=9))
    assert facts.priority == 7
    assert facts.created_at_s == 9
    for name, kind, _meaning in PodFacts.FACTS:
        assert type(getattr(facts, name)) is kind


def test_a_malformed_request_raises_only_when_it_is_read() -> None:
    facts = PodFacts(a_pod(containers=(Container(requests={"cpu": "lots"}),)))
    assert facts.priority == 0
    with pytest.raises(QuantityError):
        _ = facts.requested_cpu_milli
