from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from extender.kube import KubeError, Response
from extender.policy import status as status_module
from extender.policy.events import SERIES_S, EventNotWritten, micro_time
from extender.policy.outcome import Outcome
from extender.policy.status import ANNOTATION, REPLICAS_MAX, ConfigMapStatusWriter, StatusNotWritten, merged
from tests.extender.policy.fake_api import CONFIGMAPS, EVENTS, NAMESPACE, FakeApi

NAME = "trimtab-policy"
NOW_S = 1_790_000_000.0

APPLIED = Outcome("Applied", "revision 7 is in effect", "7", "7", "aa")
REFUSED = Outcome("Refused", "x: wrong; revision 7 stays in effect", "8", "7", "aa")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_module, "_RETRY_S", 0.0)


class Clock:
    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


def writer(api: FakeApi, identity: str = "pod-a", clock: Clock | None = None) -> ConfigMapStatusWriter:
    return ConfigMapStatusWriter(api, NAMESPACE, NAME, identity, clock=clock or Clock())


def an_api() -> FakeApi:
    api = FakeApi()
    api.put(NAME, {"policy.yaml": "x"})
    return api


def status_in(api: FakeApi) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(api.named(NAME)["metadata"]["annotations"][ANNOTATION])
    return found


def run(*writes: Callable[[], Awaitable[None]]) -> None:
    async def all_of_them() -> None:
        for write in writes:
            await write()

    asyncio.run(all_of_them())


def test_the_annotation_holds_the_condition_and_the_replicas_revision() -> None:
    api = an_api()
    run(lambda: writer(api).write(APPLIED))
    assert status_in(api) == {
        "conditions": [
            {
                "type": "PolicyApplied",
                "status": "True",
                "reason": "Applied",
                "message": "revision 7 is in effect",
                "lastTransitionTime": "2026-09-21T14:13:20Z",
            }
        ],
        "replicas": {"pod-a": {"revision": "7", "hash": "aa", "observed": "7", "status": "True"}},
    }
    assert api.named(NAME)["data"] == {"policy.yaml": "x"}


def test_each_replica_merges_its_own_key() -> None:
    api = an_api()
    run(lambda: writer(api, "pod-a").write(APPLIED), lambda: writer(api, "pod-b").write(APPLIED))
    assert set(status_in(api)["replicas"]) == {"pod-a", "pod-b"}


def test_the_same_status_is_not_written_again() -> None:
    api, clock = an_api(), Clock()
    one = writer(api, clock=clock)

    async def later() -> None:
        clock.now_s += 60
        await one.write(APPLIED)

    run(lambda: one.write(APPLIED), later)
    assert api.calls.count(("PATCH", f"{CONFIGMAPS}/{NAME}")) == 1


def test_the_transition_time_moves_only_with_the_status() -> None:
    first = merged("", "a", APPLIED, NOW_S)
    again = merged(first, "a", Outcome("Applied", "revision 9 is in effect", "9", "9", "bb"), NOW_S + 60)
    refused = merged(again, "a", REFUSED, NOW_S + 120)
    times = [json.loads(text)["conditions"][0]["lastTransitionTime"] for text in (first, again, refused)]
    assert times == ["2026-09-21T14:13:20Z", "2026-09-21T14:13:20Z", "2026-09-21T14:15:20Z"]


def test_the_condition_is_false_while_a_replica_refuses_the_same_text() -> None:
    refused = Outcome("Refused", "wrong", "8", "7", "aa")
    applied = Outcome("Applied", "fine", "8", "8", "bb")
    text = merged(merged("", "a", refused, NOW_S), "b", applied, NOW_S)
    assert json.loads(text)["conditions"][0]["status"] == "False"
    newer = Outcome("Applied", "fine", "9", "9", "cc")
    assert json.loads(merged(text, "b", newer, NOW_S))["conditions"][0]["status"] == "True"


def test_replicas_that_are_long_gone_are_forgotten() -> None:
    text = ""
    for number in range(REPLICAS_MAX + 5):
        text = merged(text, f"pod-{number}", APPLIED, NOW_S)
    replicas = json.loads(text)["replicas"]
    assert len(replicas) == REPLICAS_MAX
    assert "pod-0" not in replicas


@pytest.mark.parametrize("before", ["nonsense", "[]", '{"replicas": 5, "conditions": {}}', '{"conditions": [3]}'])
def test_what_people_wrote_into_the_annotation_is_overwritten(before: str) -> None:
    assert merged(before, "pod-a", APPLIED, NOW_S) == merged("", "pod-a", APPLIED, NOW_S)


def test_a_conflict_is_retried_and_nobodys_key_is_lost() -> None:
    api = an_api()
    rivals = iter(["pod-b", "pod-c"])

    def meanwhile(method: str, _path: str, body: dict[str, Any]) -> None:
        rival = next(rivals, None) if method == "PATCH" and "metadata" in body else None
        if rival is not None:
            before = api.named(NAME)["metadata"].get("annotations", {}).get(ANNOTATION, "")
            api.put(NAME, {"policy.yaml": "x"}, annotations={ANNOTATION: merged(before, rival, APPLIED, NOW_S)})

    api.hook = meanwhile
    run(lambda: writer(api).write(APPLIED))
    assert set(status_in(api)["replicas"]) == {"pod-a", "pod-b", "pod-c"}


def test_endless_conflicts_are_given_up() -> None:
    api = an_api()
    api.hook = lambda method, path, _body: (
        Response(409, b"{}", {}) if (method, path[:7]) == ("PATCH", "/api/v1") else None
    )
    with pytest.raises(StatusNotWritten, match="changed under"):
        run(lambda: writer(api).write(APPLIED))


@pytest.mark.parametrize("trouble", [Response(403, b'{"message": "forbidden"}', {}), KubeError("down")])
def test_an_event_is_tried_even_when_the_annotation_fails(trouble: Response | KubeError) -> None:
    api = an_api()
    api.hook = lambda _method, path, _body: trouble if path.startswith("/api/v1") else None
    with pytest.raises((StatusNotWritten, KubeError)):
        run(lambda: writer(api).write(REFUSED))
    assert [event["reason"] for event in api.events()] == ["PolicyRefused"]


def test_a_deleted_configmap_gets_an_event_and_no_annotation() -> None:
    api = an_api()
    one = writer(api)

    async def deleted() -> None:
        uid = api.named(NAME)["metadata"]["uid"]
        api.delete(NAME)
        await one.write(Outcome("Deleted", "the policy was deleted; revision 7 stays in effect", "", "7", "aa"))
        assert api.events()[-1]["regarding"]["uid"] == uid

    run(lambda: one.write(APPLIED), deleted)
    assert api.events()[-1]["type"] == "Warning"


def test_every_outcome_is_an_event_on_the_configmap() -> None:
    api, clock = an_api(), Clock()
    one = writer(api, clock=clock)

    async def later() -> None:
        clock.now_s += 1
        await one.write(REFUSED)

    run(lambda: one.write(APPLIED), later)
    applied, refused = api.events()
    assert (applied["type"], applied["reason"], applied["note"]) == ("Normal", "PolicyApplied", APPLIED.message)
    assert (refused["type"], refused["reason"], refused["note"]) == ("Warning", "PolicyRefused", REFUSED.message)
    assert refused["regarding"]["name"] == NAME
    assert refused["reportingInstance"] == "pod-a"
    assert applied["eventTime"] == micro_time(NOW_S) == "2026-09-21T14:13:20.000000Z"


def test_a_repeated_outcome_raises_the_count_of_its_event() -> None:
    api, clock = an_api(), Clock()
    one = writer(api, clock=clock)

    async def again() -> None:
        clock.now_s += 10
        await one.write(REFUSED)

    run(again, again, again)
    (event,) = api.events()
    assert event["series"] == {"count": 3, "lastObservedTime": micro_time(NOW_S + 30)}


def test_a_repetition_is_a_new_event_when_the_old_one_is_old_or_gone() -> None:
    api, clock = an_api(), Clock()
    one = writer(api, clock=clock)

    async def old() -> None:
        clock.now_s += SERIES_S + 1
        await one.write(REFUSED)

    async def gone() -> None:
        clock.now_s += 1
        for path in [path for path in api.objects if path.startswith(EVENTS)]:
            del api.objects[path]
        await one.write(REFUSED)
        assert len(api.events()) == 1

    async def two() -> None:
        assert len(api.events()) == 2

    run(lambda: one.write(REFUSED), old, two, gone)


def test_a_long_message_is_cut_to_what_an_event_may_hold() -> None:
    api = an_api()
    run(lambda: writer(api, "i" * 300).write(Outcome("Refused", "é" * 5000, "8", "7", "aa")))
    note = api.events()[0]["note"]
    assert note.endswith("é…")
    assert 1020 <= len(note.encode()) <= 1024


def test_an_event_that_is_refused_says_what_to_grant() -> None:
    api = an_api()
    api.hook = lambda _method, path, _body: Response(403, b'{"message": "forbidden"}', {}) if path == EVENTS else None
    with pytest.raises(EventNotWritten, match="grant create and patch on events"):
        run(lambda: writer(api).write(APPLIED))
    assert status_in(api)["conditions"]
