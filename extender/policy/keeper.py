"""Keeps a policy in effect: the newest good one, whatever happens to its source.

    offered text -> parse -> activate -> in effect, kept as last good
                      |          |
                      +- refused +-> the one before stays; said in log, metric, status, event, journal

A text that is refused, deleted or unreadable changes nothing. Before any text has been good, the last good one of
an earlier run is restored; when there is none, every plugin is off.

A policy's guards may take a plugin out of it, or take it back: then the one before is in effect again, also after a
restart, until there is another text.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from extender.policy.catalogue import Catalogue
from extender.policy.chores import Chores
from extender.policy.dump import plain
from extender.policy.last_good import Kept, LastGood, NotKept
from extender.policy.outcome import APPLIED, DELETED, GUARDED, REFUSED, ROLLED_BACK, UNREADABLE, Outcome
from extender.policy.parsed import ParsedPolicy, empty_policy
from extender.policy.problem import PolicyRefused, Problem
from extender.policy.status import StatusWriter
from extender.policy.text import PolicyText, content_hash
from extender.policy.verdicts import GuardBook, Verdict, decode, encode
from extender.policy.worker import Parser
from extender.telemetry import metrics

LOAD_S = 5.0
"""How long a start waits for the last good copy."""
LEAD_S = 1.0
"""How long a new leader waits for what the old one's guards have decided."""

log = logging.getLogger(__name__)

Activate = Callable[[ParsedPolicy, str], Awaitable[None]]
"""(policy, revision): bind, warm, swap. May raise PolicyRefused; then it has changed nothing."""
OnChange = Callable[[str, str, str, Mapping[str, Any], str], None]
"""(revision, hash, source, document, error): a policy took effect (error empty) or did not."""


@dataclass(frozen=True, slots=True)
class _Effective:
    policy: ParsedPolicy
    text: bytes | None
    """None: no policy has ever been good; every plugin is off."""
    revision: str
    source: str
    loaded_at: float


@dataclass(frozen=True, slots=True)
class _Desired:
    revision: str
    hash: str
    error: str


class PolicyKeeper:
    def __init__(
        self,
        catalogue: Catalogue,
        activate: Activate,
        *,
        last_good: LastGood | None = None,
        guard_book: LastGood | None = None,
        status: StatusWriter | None = None,
        on_change: OnChange | None = None,
        parser: Parser | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settled = asyncio.Event()
        """Set once it is known what is in effect: the first text has been judged."""
        self._parser = parser or Parser(catalogue)
        self._activate = activate
        self.verdicts: tuple[Verdict, ...] = ()
        """Of guards, about the policy that is being activated or in effect."""
        self._last_good = last_good
        self._guard_book = guard_book
        self._book = GuardBook()
        self._status = status
        self._on_change = on_change
        self._clock = clock
        self._chores = Chores()
        self._lock = asyncio.Lock()
        self._effective = _Effective(empty_policy(), None, "", "none", clock())
        self._desired = _Desired("", "", "")
        self._kept: Kept | None = None
        self._kept_known = last_good is None and guard_book is None
        self._told: Outcome | None = None
        self._leads = True

    @property
    def effective(self) -> ParsedPolicy:
        return self._effective.policy

    @property
    def revision(self) -> str:
        """Of the effective policy; empty: none has been good yet."""
        return self._effective.revision

    @property
    def trouble(self) -> str:
        """Why the newest text is not in effect; empty when it is."""
        return self._desired.error

    def configz(self) -> dict[str, Any]:
        effective, desired = self._effective, self._desired
        return {
            "revision": effective.revision,
            "hash": effective.policy.hash,
            "source": effective.source,
            "loadedAt": datetime.fromtimestamp(effective.loaded_at, UTC).isoformat().replace("+00:00", "Z"),
            "effective": plain(effective.policy.document),
            "warnings": list(effective.policy.warnings),
            "desired": {
                "revision": desired.revision,
                "hash": desired.hash,
                **({"error": desired.error} if desired.error else {}),
            },
        }

    async def offer(self, text: PolicyText) -> None:
        """Judge a text. Never raises for what is wrong with it, its source or anything written about it."""
        async with self._lock:
            if not self._kept_known:
                await self._find_kept()
            await self._judge(self._with_first_revision(text))
            self.settled.set()

    async def written(self) -> None:
        """Wait until status, events and the last good copy have been written, or have failed."""
        await self._chores.done()

    async def close(self) -> None:
        await self._chores.close()

    # Replicas.

    def follow(self) -> None:
        """Another replica's guards decide, and what they have decided is not overwritten. The last good copy is: it is
        the same text, and by it all replicas name it by the same revision."""
        self._leads = False

    async def lead(self) -> None:
        """From now on this one's do. What the last leader's guards decided about the policy in effect is obeyed here
        too; what is kept about an older policy is brought up to date."""
        async with self._lock:
            self._leads = True
            effective = self._effective
            if effective.text is None:
                return
            book = await self._read_book()
            if book is None:
                return
            if book.of == content_hash(effective.text):
                await self._adopt(book, effective)
            else:
                self._save_book()

    async def _read_book(self) -> GuardBook | None:
        """None: it cannot be had, and is better left as it is."""
        if self._guard_book is None:
            return self._book
        try:
            kept = await asyncio.wait_for(self._guard_book.load(), LEAD_S)
        except (NotKept, TimeoutError) as trouble:
            metrics.POLICY_WRITE_FAILURES.labels("guards").inc()
            log.warning("cannot read what guards have decided: %s", trouble or f"no answer in {LEAD_S:g} s")
            return None
        return GuardBook() if kept is None else decode(kept.text)

    async def _adopt(self, book: GuardBook, effective: _Effective) -> None:
        """Of the policy in effect, as another replica has noted it."""
        verdicts = book.about(book.of)
        self._book = book
        if verdicts == self.verdicts or effective.text is None:
            return
        text = PolicyText(effective.text, effective.revision, effective.source, self._clock())
        taken_back = next((verdict for verdict in verdicts if verdict.then == "rollback"), None)
        if taken_back is not None and book.previous is not None:
            await self._switch_back(taken_back, text, book.previous)
            return
        try:
            await self._switch_to(effective.policy, text)
        except PolicyRefused as refused:
            log.warning("what guards decided about revision %s cannot be obeyed: %s", effective.revision, refused)
            return
        self._applied(text, effective.policy, anew=False)

    # One text.

    async def _judge(self, text: PolicyText) -> None:
        if text.text is None:
            reason, why = (UNREADABLE, text.error) if text.error else (DELETED, "the policy was deleted")
            await self._stay(text, reason, why)
            return
        taken_back = next((v for v in self._book.about(content_hash(text.text)) if v.then == "rollback"), None)
        if taken_back is not None:
            await self._stay(text, ROLLED_BACK, _told(taken_back))
            return
        if (text.text, text.revision) == (self._effective.text, self._effective.revision):
            self._applied(text, self._effective.policy, anew=False)
            return
        before = self._in_effect() or self._kept
        try:
            policy = await self._parser.parse(text.text)
            await self._switch_to(policy, text)
        except PolicyRefused as refused:
            await self._stay(text, REFUSED, str(refused))
            return
        self._note_previous(text.text, before)
        self._applied(text, policy, anew=True)

    async def _switch_to(self, policy: ParsedPolicy, text: PolicyText) -> None:
        """Raises PolicyRefused, also for a fault of ours: then the one before is still in effect."""
        verdicts = self.verdicts
        self.verdicts = self._book.about(content_hash(text.text or b""))
        try:
            await self._activate(policy, text.revision)
        except PolicyRefused:
            self.verdicts = verdicts
            raise
        except Exception as fault:
            self.verdicts = verdicts
            log.exception("activating policy revision %s failed", text.revision)
            raise PolicyRefused([Problem("", f"it could not be activated: {fault}", "see the log")]) from fault
        self._effective = _Effective(policy, text.text, text.revision, text.source, self._clock())

    def _applied(self, text: PolicyText, policy: ParsedPolicy, *, anew: bool) -> None:
        self._desired = _Desired(text.revision, policy.hash, "")
        message = f"revision {text.revision} is in effect"
        if self.verdicts:
            message += f", but {'; '.join(_told(verdict) for verdict in self.verdicts)}"
        if policy.warnings:
            message += f"; warnings: {'; '.join(policy.warnings)}"
        if anew:
            self._announce(text, plain(policy.document), policy.hash, "")
            if text.text is not None:
                self._keep(Kept(text.text, text.revision))
        self._tell(GUARDED if self.verdicts else APPLIED, message)
        metrics.POLICY_SUCCESS_AT.set(self._effective.loaded_at)

    async def _stay(self, text: PolicyText, reason: str, why: str) -> None:
        """The text did not take effect; what is in effect stays."""
        if self._effective.text is None:
            await self._restore()
        rejected_hash = "" if text.text is None else content_hash(text.text)
        desired = _Desired(text.revision, rejected_hash, why)
        if desired != self._desired:
            self._announce(text, {}, rejected_hash, why)
        self._desired = desired
        stays = f"revision {self.revision} stays in effect" if self.revision else "every plugin is off"
        self._tell(reason, f"{why}; {stays}")

    # Guards.

    async def obey(self, verdict: Verdict) -> str:
        """Carry out what a guard of the policy in effect has decided, and say so; the revision gone back to, if any."""
        async with self._lock:
            effective = self._effective
            if effective.text is None or effective.revision != verdict.revision:
                return ""  # another policy took effect meanwhile, and has its own guards
            text = PolicyText(effective.text, effective.revision, effective.source, self._clock())
            if verdict.then == "rollback":
                return await self._go_back(verdict, text)
            self._note(verdict)
            self.verdicts = (*self.verdicts, verdict)
            self._applied(text, effective.policy, anew=False)
            return ""

    async def _go_back(self, verdict: Verdict, text: PolicyText) -> str:
        previous = self._book.previous
        if previous is None:
            self._tell(GUARDED, f"{_told(verdict)}; there is no revision before to go back to: it stays in effect")
            return ""
        return previous.revision if await self._switch_back(verdict, text, previous, note=True) else ""

    async def _switch_back(self, verdict: Verdict, text: PolicyText, previous: Kept, *, note: bool = False) -> bool:
        """`note`: nobody has noted the verdict yet."""
        source = f"before {text.revision}, by guard {verdict.guard}"
        before = PolicyText(previous.text, previous.revision, source, self._clock())
        try:
            policy = await self._parser.parse(previous.text)
            await self._switch_to(policy, before)
        except PolicyRefused as refused:
            self._tell(GUARDED, f"{_told(verdict)}; the revision before is not good any more: {refused}")
            return False
        if note:
            self._note(verdict)
        self._keep(previous)
        self._announce(before, plain(policy.document), policy.hash, "")
        await self._stay(text, ROLLED_BACK, _told(verdict))
        return True

    def _note(self, verdict: Verdict) -> None:
        self._book = self._book.with_verdict(verdict)
        self._save_book()

    def _note_previous(self, text: bytes, before: Kept | None) -> None:
        """Another text is in effect, about which no guard has decided anything."""
        if content_hash(text) != self._book.of:
            previous = before if before is not None and before.text != text else None
            self._book = GuardBook(content_hash(text), (), previous)
            self._save_book()

    def _save_book(self) -> None:
        store, kept = self._guard_book, Kept(encode(self._book), self._book.of)
        if store is not None and self._leads:
            self._chores.add("guards", lambda: store.save(kept))

    def _in_effect(self) -> Kept | None:
        return None if self._effective.text is None else Kept(self._effective.text, self._effective.revision)

    # What was good before.

    async def _find_kept(self) -> None:
        if self._effective.text is not None:
            return
        try:
            if self._last_good is not None:
                self._kept = await asyncio.wait_for(self._last_good.load(), LOAD_S)
            if self._guard_book is not None:
                book = await asyncio.wait_for(self._guard_book.load(), LOAD_S)
                self._book = GuardBook() if book is None else decode(book.text)
            self._kept_known = True
        except (NotKept, TimeoutError) as trouble:
            metrics.POLICY_WRITE_FAILURES.labels("last_good").inc()
            log.warning("cannot look for the last good policy: %s", trouble or f"no answer in {LOAD_S:g} s")

    def _with_first_revision(self, text: PolicyText) -> PolicyText:
        """A text that was good before a restart keeps the revision at which it was first seen."""
        kept = self._kept
        if kept is None or self._effective.text is not None or text.text != kept.text or not kept.revision:
            return text
        return replace(text, revision=kept.revision)

    async def _restore(self) -> None:
        if self._kept is None:
            log.warning("no policy has been good yet and no last good one is kept: every plugin is off")
            return
        text = PolicyText(self._kept.text, self._kept.revision, "last good", self._clock())
        try:
            policy = await self._parser.parse(self._kept.text)
            await self._switch_to(policy, text)
        except PolicyRefused as refused:
            log.warning("the last good policy is not good any more: %s; every plugin is off", refused)
            return
        self._announce(text, plain(policy.document), policy.hash, "")
        log.info("restored the last good policy, revision %s", text.revision)

    def _keep(self, kept: Kept) -> None:
        self._kept = kept
        last_good = self._last_good
        if last_good is not None:
            self._chores.add("last_good", lambda: last_good.save(kept))

    # Telling.

    def _announce(self, text: PolicyText, document: Mapping[str, Any], hash_: str, error: str) -> None:
        if self._on_change is not None:
            self._on_change(text.revision, hash_, text.source, document, error)

    def _tell(self, reason: str, message: str) -> None:
        outcome = Outcome(reason, message, self._desired.revision, self.revision, self._effective.policy.hash)
        metrics.POLICY_SUCCESS.set(1 if outcome.applied else 0)
        metrics.POLICY_RELOADS.labels(reason.lower()).inc()
        metrics.POLICY_REVISION.clear()
        metrics.POLICY_REVISION.labels(self.revision, self._effective.policy.hash).set(1)
        if outcome == self._told:
            return
        self._told = outcome
        log.log(logging.INFO if outcome.applied else logging.WARNING, "policy %s: %s", reason.lower(), message)
        status = self._status
        if status is not None:
            self._chores.add("status", lambda: status.write(outcome))


def _told(verdict: Verdict) -> str:
    if verdict.then == "rollback":
        return f"guard {verdict.guard} took it back: {verdict.why}"
    return f"guard {verdict.guard} switched {verdict.plugin} off: {verdict.why}"
