from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from extender.policy import ParsedPolicy, PolicyRefused, PolicyText, Problem, empty_policy, plain
from extender.policy.keeper import PolicyKeeper
from extender.policy.last_good import Kept, NotKept
from extender.policy.outcome import Outcome
from extender.telemetry import metrics
from tests.extender.policy.a_catalogue import CATALOGUE, HEAD, a_policy

NOW_S = 1_790_000_000.0
SOURCE = "configmap/ns/name"
BAD = (HEAD + "profile: []\n").encode()
UNREADABLE = PolicyText(None, "", SOURCE, NOW_S, "HTTP 403")


class Memory:
    """Keeps the last good policy; may be told to fail."""

    def __init__(self, kept: Kept | None = None) -> None:
        self.kept = kept
        self.broken = False

    async def load(self) -> Kept | None:
        if self.broken:
            raise NotKept("no store")
        return self.kept

    async def save(self, kept: Kept) -> None:
        if self.broken:
            raise NotKept("no store")
        self.kept = kept


class Notes:
    """Everything the keeper told others."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self.activated: list[tuple[str, str]] = []
        self.outcomes: list[Outcome] = []
        self.changes: list[tuple[str, str, str, Mapping[str, Any], str]] = []
        self.refusal: Exception | None = None

    async def activate(self, policy: ParsedPolicy, revision: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.activated.append((revision, policy.hash))

    async def write(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def on_change(self, revision: str, hash_: str, source: str, document: Mapping[str, Any], error: str) -> None:
        self.changes.append((revision, hash_, source, document, error))

    def keeper(self) -> PolicyKeeper:
        return PolicyKeeper(
            CATALOGUE,
            self.activate,
            last_good=self.memory,
            status=self,
            on_change=self.on_change,
            clock=lambda: NOW_S,
        )


def tell(story: Callable[[PolicyKeeper], Awaitable[None]], notes: Notes) -> None:
    async def told() -> None:
        keeper = notes.keeper()
        await story(keeper)
        await keeper.written()
        await keeper.close()

    asyncio.run(told())


def text(content: bytes | None, revision: str) -> PolicyText:
    return PolicyText(content, revision, SOURCE, NOW_S)


def sample(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, labels)


def test_a_good_policy_takes_effect_and_everybody_is_told() -> None:
    notes = Notes()

    async def story(keeper: PolicyKeeper) -> None:
        assert not keeper.settled.is_set()
        await keeper.offer(text(a_policy(2), "101"))
        assert keeper.settled.is_set()
        assert (keeper.revision, keeper.trouble) == ("101", "")
        assert keeper.effective.profiles[0].plugins[0].weight == 2
        found = keeper.configz()
        assert (found["revision"], found["hash"], found["source"]) == ("101", keeper.effective.hash, SOURCE)
        assert found["loadedAt"] == "2026-09-21T14:13:20Z"
        assert found["effective"] == plain(keeper.effective.document)
        assert found["desired"] == {"revision": "101", "hash": keeper.effective.hash}
        assert sample("trimtab_policy_revision_info", revision="101", hash=keeper.effective.hash) == 1

    tell(story, notes)
    assert [revision for revision, _ in notes.activated] == ["101"]
    assert notes.memory.kept == Kept(a_policy(2), "101")
    (outcome,) = notes.outcomes
    assert (outcome.reason, outcome.desired_revision, outcome.effective_revision) == ("Applied", "101", "101")
    ((revision, hash_, source, document, error),) = notes.changes
    assert (revision, source, error) == ("101", SOURCE, "")
    assert document["profiles"]
    assert hash_ == outcome.effective_hash
    assert sample("trimtab_policy_last_reload_successful") == 1
    assert sample("trimtab_policy_last_reload_success_timestamp_seconds") == NOW_S


def test_a_bad_edit_changes_nothing_and_everybody_is_told() -> None:
    notes = Notes()

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(a_policy(2), "101"))
        before = keeper.configz()
        await keeper.offer(text(BAD, "102"))
        after = keeper.configz()
        assert after | {"desired": 0} == before | {"desired": 0}
        assert after["desired"]["revision"] == "102"
        assert "did you mean profiles?" in after["desired"]["error"]
        assert keeper.trouble == after["desired"]["error"]

    tell(story, notes)
    assert len(notes.activated) == 1
    assert notes.memory.kept == Kept(a_policy(2), "101")
    refused = notes.outcomes[-1]
    assert (refused.reason, refused.desired_revision, refused.effective_revision) == ("Refused", "102", "101")
    assert "revision 101 stays in effect" in refused.message
    assert notes.changes[-1][0] == "102"
    assert "did you mean profiles?" in notes.changes[-1][4]
    assert sample("trimtab_policy_last_reload_successful") == 0


def test_an_edit_that_is_taken_back_is_good_again() -> None:
    notes = Notes()

    async def story(keeper: PolicyKeeper) -> None:
        for content, revision in ((a_policy(2), "101"), (BAD, "102"), (a_policy(2), "103")):
            await keeper.offer(text(content, revision))
        assert (keeper.revision, keeper.trouble) == ("103", "")

    tell(story, notes)
    assert [outcome.reason for outcome in notes.outcomes] == ["Applied", "Refused", "Applied"]


def test_a_policy_that_cannot_be_activated_is_refused_whole() -> None:
    notes = Notes()

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(a_policy(2), "101"))
        notes.refusal = PolicyRefused([Problem("profiles[0]", "too much")])
        await keeper.offer(text(a_policy(3), "102"))
        assert (keeper.revision, keeper.trouble) == ("101", "profiles[0]: too much")
        notes.refusal = ZeroDivisionError("ours")
        await keeper.offer(text(a_policy(4), "103"))
        assert keeper.revision == "101"
        assert "could not be activated" in keeper.trouble

    tell(story, notes)
    assert notes.memory.kept == Kept(a_policy(2), "101")


def test_a_deleted_policy_stays_in_effect_and_says_so() -> None:
    notes = Notes()

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(a_policy(2), "101"))
        await keeper.offer(text(None, ""))
        assert keeper.revision == "101"
        assert keeper.configz()["desired"] == {"revision": "", "hash": "", "error": "the policy was deleted"}

    tell(story, notes)
    assert notes.outcomes[-1].reason == "Deleted"
    assert "revision 101 stays in effect" in notes.outcomes[-1].message


def test_an_unreadable_source_changes_nothing_and_is_told_once() -> None:
    notes = Notes()

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(a_policy(2), "101"))
        for _ in range(3):
            await keeper.offer(UNREADABLE)
        assert keeper.trouble == "HTTP 403"

    tell(story, notes)
    assert [outcome.reason for outcome in notes.outcomes] == ["Applied", "Unreadable"]
    assert len(notes.changes) == 2


@pytest.mark.parametrize("offered", [text(BAD, "200"), text(None, ""), UNREADABLE])
def test_after_a_restart_the_last_good_policy_is_restored(offered: PolicyText) -> None:
    notes = Notes(Memory(Kept(a_policy(2), "101")))

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(offered)
        assert keeper.settled.is_set()
        assert keeper.revision == "101"
        assert keeper.effective.profiles[0].plugins[0].weight == 2
        assert keeper.configz()["source"] == "last good"
        assert keeper.trouble

    tell(story, notes)
    assert [revision for revision, _ in notes.activated] == ["101"]
    assert "revision 101 stays in effect" in notes.outcomes[-1].message


def test_the_same_text_after_a_restart_keeps_the_revision_at_which_it_was_first_seen() -> None:
    notes = Notes(Memory(Kept(a_policy(2), "101")))

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(a_policy(2), "150"))
        assert keeper.revision == "101"
        await keeper.offer(text(a_policy(3), "160"))
        assert keeper.revision == "160"

    tell(story, notes)


@pytest.mark.parametrize("kept", [None, Kept(BAD, "99"), Kept(b"\xff", "99")])
def test_with_nothing_good_every_plugin_is_off_and_that_is_said(kept: Kept | None) -> None:
    notes = Notes(Memory(kept))

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(BAD, "200"))
        assert keeper.settled.is_set()
        assert keeper.effective == empty_policy()
        assert keeper.revision == ""

    tell(story, notes)
    assert notes.activated == []
    assert "every plugin is off" in notes.outcomes[-1].message


def test_a_store_that_fails_never_affects_the_policy() -> None:
    notes = Notes()
    notes.memory.broken = True
    before = sample("trimtab_policy_write_failures_total", what="last_good") or 0

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(a_policy(2), "101"))
        assert keeper.revision == "101"

    tell(story, notes)
    assert notes.outcomes[-1].reason == "Applied"
    assert sample("trimtab_policy_write_failures_total", what="last_good") == before + 2


def test_a_store_that_answers_late_is_asked_again_as_long_as_nothing_is_in_effect() -> None:
    notes = Notes(Memory(Kept(a_policy(2), "101")))
    notes.memory.broken = True

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(BAD, "200"))
        assert keeper.revision == ""
        notes.memory.broken = False
        await keeper.offer(text(BAD, "201"))
        assert keeper.revision == "101"

    tell(story, notes)


def test_the_same_text_and_revision_again_is_not_activated_again() -> None:
    notes = Notes()

    async def story(keeper: PolicyKeeper) -> None:
        for _ in range(3):
            await keeper.offer(text(a_policy(2), "101"))

    tell(story, notes)
    assert len(notes.activated) == len(notes.outcomes) == len(notes.changes) == 1


def test_a_status_that_cannot_be_written_never_affects_the_policy() -> None:
    class Broken(Notes):
        async def write(self, outcome: Outcome) -> None:
            raise RuntimeError("no")

    notes = Broken()
    before = sample("trimtab_policy_write_failures_total", what="status") or 0

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(a_policy(2), "101"))
        await keeper.offer(text(a_policy(3), "102"))
        await keeper.written()
        assert keeper.revision == "102"

    tell(story, notes)
    assert sample("trimtab_policy_write_failures_total", what="status") == before + 2


def test_a_slow_status_does_not_hold_up_the_next_policy() -> None:
    released = asyncio.Event()

    class Slow(Notes):
        async def write(self, outcome: Outcome) -> None:
            await released.wait()
            await super().write(outcome)

    notes = Slow()

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(a_policy(2), "101"))
        await keeper.offer(text(a_policy(3), "102"))
        assert keeper.revision == "102"
        assert notes.outcomes == []
        released.set()

    tell(story, notes)
    assert [outcome.desired_revision for outcome in notes.outcomes] == ["101", "102"]


def test_warnings_are_told_with_the_policy_that_took_effect() -> None:
    notes = Notes()
    idle = (HEAD + "profiles: [{plugins: {filter: {enabled: [{name: PodState}]}}}]\n").encode()

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(idle, "101"))
        assert keeper.configz()["warnings"] == list(keeper.effective.warnings)

    tell(story, notes)
    assert "PodState does no work in filter" in notes.outcomes[-1].message
