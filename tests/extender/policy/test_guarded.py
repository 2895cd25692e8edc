"""What guards decided stays decided: across re-reads and restarts, until there is another text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.policy.keeper import PolicyKeeper
from extender.policy.last_good import ConfigMapLastGood, FileLastGood, Kept
from extender.policy.outcome import GUARDED, ROLLED_BACK
from extender.policy.reading import TEXT_BYTES_MAX
from extender.policy.verdicts import BOOK_BYTES_MAX, GuardBook, Verdict, decode, encode
from tests.extender.policy.a_catalogue import CATALOGUE, a_policy
from tests.extender.policy.fake_api import FakeApi
from tests.extender.policy.test_keeper import Memory, Notes, text

FIRST, SECOND, THIRD = a_policy(1), a_policy(2), a_policy(3)


class Run(Notes):
    """One run of the extender over stores that outlive it."""

    def __init__(self, memory: Memory, guards: Memory) -> None:
        super().__init__(memory)
        self.guards = guards

    def keeper(self) -> PolicyKeeper:
        return PolicyKeeper(
            CATALOGUE,
            self.activate,
            last_good=self.memory,
            guard_book=self.guards,
            status=self,
            on_change=self.on_change,
            clock=lambda: 1_790_000_000.0,
        )


def verdict(revision: str, then: Literal["rollback", "disable"] = "rollback", plugin: str = "") -> Verdict:
    return Verdict("slow", then, "1 % of 900 calls took 31 ms", "2026-11-21T10:00:00Z", revision, plugin)


def told(run: Run, story: Callable[[PolicyKeeper], Awaitable[None]]) -> Run:
    async def whole() -> None:
        keeper = run.keeper()
        await story(keeper)
        await keeper.written()
        await keeper.close()

    asyncio.run(whole())
    return run


def stores() -> tuple[Memory, Memory]:
    return Memory(), Memory()


async def goes_back(keeper: PolicyKeeper) -> None:
    await keeper.offer(text(FIRST, "1"))
    await keeper.offer(text(SECOND, "2"))
    assert await keeper.obey(verdict("2")) == "1"
    assert keeper.revision == "1"


def test_a_rollback_brings_the_revision_before_back_and_says_so() -> None:
    run = told(Run(*stores()), goes_back)
    outcome = run.outcomes[-1]
    assert (outcome.reason, outcome.applied) == (ROLLED_BACK, False)
    assert "guard slow took it back" in outcome.message
    assert (outcome.desired_revision, outcome.effective_revision) == ("2", "1")
    assert [revision for revision, _ in run.activated] == ["1", "2", "1"]
    assert run.changes[-1][4].startswith("guard slow took it back")


def test_the_text_that_was_taken_back_stays_out_when_it_is_read_again() -> None:
    async def story(keeper: PolicyKeeper) -> None:
        await goes_back(keeper)
        await keeper.offer(text(SECOND, "2"))
        await keeper.offer(text(SECOND, "22"))
        assert keeper.revision == "1"
        assert "guard slow" in keeper.trouble

    told(Run(*stores()), story)


def test_a_restart_finds_the_policy_as_its_guard_left_it() -> None:
    memory, guards = stores()
    told(Run(memory, guards), goes_back)

    async def again(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(SECOND, "2"))
        assert (keeper.revision, keeper.effective.profiles[0].plugins[0].weight) == ("1", 1)

    run = told(Run(memory, guards), again)
    assert run.outcomes[-1].reason == ROLLED_BACK


def test_another_text_is_a_new_beginning_also_for_the_one_that_was_taken_back() -> None:
    async def story(keeper: PolicyKeeper) -> None:
        await goes_back(keeper)
        await keeper.offer(text(THIRD, "3"))
        assert keeper.revision == "3"
        await keeper.offer(text(SECOND, "4"))
        assert keeper.revision == "4"

    told(Run(*stores()), story)


def test_a_restart_between_an_edit_and_its_guard_does_not_lose_the_way_back() -> None:
    memory, guards = stores()

    async def edits(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(FIRST, "1"))
        await keeper.offer(text(SECOND, "2"))

    async def trips(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(SECOND, "2"))
        assert await keeper.obey(verdict("2")) == "1"

    told(Run(memory, guards), edits)
    told(Run(memory, guards), trips)


def test_an_edit_while_it_was_down_can_be_taken_back_to_the_last_good_one() -> None:
    memory = Memory(Kept(FIRST, "1"))

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(SECOND, "2"))
        assert await keeper.obey(verdict("2")) == "1"

    told(Run(memory, Memory()), story)


def test_with_nothing_to_go_back_to_it_stays_and_says_so() -> None:
    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(FIRST, "1"))
        assert await keeper.obey(verdict("1")) == ""
        assert keeper.revision == "1"

    run = told(Run(*stores()), story)
    assert "no revision before" in run.outcomes[-1].message


def test_a_verdict_about_a_policy_that_was_replaced_meanwhile_changes_nothing() -> None:
    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(FIRST, "1"))
        await keeper.offer(text(SECOND, "2"))
        await keeper.offer(text(THIRD, "3"))
        assert await keeper.obey(verdict("2")) == ""
        assert keeper.revision == "3"

    told(Run(*stores()), story)


def test_a_plugin_that_a_guard_switched_off_is_off_after_a_restart_and_the_status_says_so() -> None:
    memory, guards = stores()
    off = verdict("1", "disable", "PodState")

    async def story(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(FIRST, "1"))
        await keeper.obey(off)
        assert keeper.verdicts == (off,)

    run = told(Run(memory, guards), story)
    assert (run.outcomes[-1].reason, run.outcomes[-1].applied) == (GUARDED, True)
    assert "guard slow switched PodState off" in run.outcomes[-1].message

    async def again(keeper: PolicyKeeper) -> None:
        await keeper.offer(text(FIRST, "1"))
        assert keeper.verdicts == (off,)
        await keeper.offer(text(SECOND, "2"))
        assert not keeper.verdicts

    run = told(Run(memory, guards), again)
    assert [outcome.reason for outcome in run.outcomes] == [GUARDED, "Applied"]


def test_stores_that_fail_do_not_stop_a_guard() -> None:
    memory, guards = stores()
    guards.broken = True
    told(Run(memory, guards), goes_back)


@pytest.mark.parametrize("kind", ["file", "configmap"])
def test_the_book_is_kept_beside_the_last_good_policy(kind: str, tmp_path: Path) -> None:
    async def story() -> None:
        api = FakeApi()

        def store(what: str) -> FileLastGood | ConfigMapLastGood:
            if kind == "file":
                return {"good": FileLastGood.beside, "guards": FileLastGood.guards_beside}[what](tmp_path / "p.yaml")
            if what == "good":
                return ConfigMapLastGood(api, "ns", "p")
            return ConfigMapLastGood.guards(api, "ns", "p")

        book = GuardBook("hash", (verdict("2"),), Kept(FIRST, "1"))
        await store("good").save(Kept(SECOND, "2"))
        await store("guards").save(Kept(encode(book), book.of))
        good, guards = await store("good").load(), await store("guards").load()
        assert good is not None
        assert guards is not None
        assert good.text == SECOND
        assert decode(guards.text) == book

    asyncio.run(story())


_WORDS = st.text(max_size=30)
_VERDICTS = st.builds(Verdict, _WORDS, st.sampled_from(["rollback", "disable"]), _WORDS, _WORDS, _WORDS, _WORDS)


@given(
    st.builds(
        GuardBook,
        _WORDS,
        st.lists(_VERDICTS, max_size=3).map(tuple),
        st.none() | st.builds(Kept, st.binary(max_size=500), _WORDS),
    )
)
def test_what_is_written_is_read(book: GuardBook) -> None:
    assert decode(encode(book)) == book


@given(st.binary(max_size=300))
def test_what_cannot_be_read_says_nothing(raw: bytes) -> None:
    assert decode(raw) == GuardBook()


def test_a_long_text_is_left_out_rather_than_crowding_the_last_good_one_out() -> None:
    import random

    noise = random.Random(1).randbytes(TEXT_BYTES_MAX)
    book = GuardBook("hash", (verdict("2"),), Kept(noise, "1"))
    assert len(encode(book)) <= BOOK_BYTES_MAX
    assert decode(encode(book)) == GuardBook("hash", (verdict("2"),), None)


# Several replicas over one store.


def test_a_new_leader_obeys_what_the_last_ones_guards_decided_while_it_followed() -> None:
    memory, guards = stores()
    leader, follower = Run(memory, guards), Run(memory, guards)

    async def whole() -> None:
        leads, follows = leader.keeper(), follower.keeper()
        follows.follow()
        for keeper in (leads, follows):
            await keeper.offer(text(FIRST, "1"))
            await keeper.offer(text(SECOND, "2"))
        await leads.obey(verdict("2"))
        await leads.written()
        assert (leads.revision, follows.revision) == ("1", "2")

        await follows.lead()
        assert follows.revision == "1"
        await follows.offer(text(SECOND, "22"))
        assert follows.revision == "1"

    asyncio.run(whole())


def test_a_new_leader_has_the_plugins_off_that_the_last_ones_guards_switched_off() -> None:
    memory, guards = stores()
    leader, follower = Run(memory, guards), Run(memory, guards)

    async def whole() -> None:
        leads, follows = leader.keeper(), follower.keeper()
        follows.follow()
        for keeper in (leads, follows):
            await keeper.offer(text(FIRST, "1"))
        await leads.obey(verdict("1", "disable", "NodeName"))
        await leads.written()
        assert not follows.verdicts

        await follows.lead()
        assert [found.plugin for found in follows.verdicts] == ["NodeName"]
        await follows.written()
        assert follower.outcomes[-1].reason == GUARDED

    asyncio.run(whole())


def test_a_follower_does_not_overwrite_what_guards_decided_and_a_new_leader_brings_it_up_to_date() -> None:
    memory, guards = stores()

    async def whole() -> None:
        leads, follows = Run(memory, guards).keeper(), Run(memory, guards).keeper()
        follows.follow()
        await leads.offer(text(FIRST, "1"))
        await leads.obey(verdict("1", "disable", "NodeName"))
        await leads.written()
        noted = guards.kept
        await follows.offer(text(SECOND, "2"))  # an edit that the old leader does not live to see
        await follows.written()
        assert guards.kept == noted

        await follows.lead()
        await follows.written()
        assert guards.kept is not None
        assert decode(guards.kept.text).verdicts == ()
        assert follows.revision == "2"

    asyncio.run(whole())


def test_a_new_leader_that_cannot_read_the_book_leads_with_what_it_has() -> None:
    memory, guards = stores()

    async def whole() -> None:
        keeper = Run(memory, guards).keeper()
        keeper.follow()
        await keeper.offer(text(FIRST, "1"))
        guards.broken = True
        await keeper.lead()
        assert keeper.revision == "1"

    asyncio.run(whole())
