"""The desk: every change of the policy that a person asks for goes through here, in this order.

    read -> edit -> validate -> save the text before -> write, if it is still the same -> see it take effect -> audit

Whatever fails on the way, the policy is as it was; what is refused is audited too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, Protocol

import msgspec

from extender.control import archive as archives
from extender.control import edits
from extender.control.actor import Actor
from extender.control.audit import Audit, Entry, entry_of, noted
from extender.control.catalogue import CatalogueSource
from extender.control.diff import Diff, diff
from extender.control.effective import EffectiveSource, Replica, silent
from extender.control.history import History
from extender.control.problems import Conflict, Detail, Invalid, NotFound, Refused, Unreachable, details_of
from extender.control.revision import Revision
from extender.control.seals import Seal
from extender.control.store import PolicyStore, Stored, rfc3339
from extender.control.tenants import TenantStore, checked
from extender.control.text import text_like, tree_of
from extender.policy.args import check_meaning, check_shape
from extender.policy.catalogue import CHECK_PHASES, ONE_CHECK, PHASES, Catalogue, in_order
from extender.policy.dump import as_yaml, plain
from extender.policy.parsed import ParsedPolicy, empty_policy
from extender.policy.problem import Findings, PolicyRefused
from extender.policy.worker import Parser

TRIES_MAX = 5
"""How often an edit is made again on a policy that somebody else has changed meanwhile."""
EFFECT_S = 2.0
REASON_CHARS_MAX = 1000
_POLL_FIRST_S = 0.02
_POLL_MAX_S = 0.2

Side = bytes | int | Literal["effective", "desired"]


class Judge(Protocol):
    """What knows more about a policy than its catalogue does: an extender."""

    async def validate(self, text: bytes) -> list[str]:
        """Warnings. Raises Invalid, Unreachable."""
        ...


_RECENT = 50
"""Entries of the audit trail among which the change that made a file what it is must stand."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What a change came to; `data` of the API's answer is made of it."""

    message: str
    plugin: str | None = None
    phases: list[str] = []
    config: dict[str, Any] | None = None
    """The plugin's stored args afterwards."""
    revision: str
    """Of the policy now stored; after a dry run of the one still stored."""
    hash: str
    """Of what is now stored; what If-Match carries."""
    backup_id: int
    """Number of the backup taken just before; 0: nothing had to be saved."""
    warnings: list[str] = []
    effective: bool
    """Every replica that is heard of has it in effect."""
    changed: bool = True
    """False: it was so already, and nothing was written."""
    diff: Diff


class _Applied(msgspec.Struct, frozen=True, kw_only=True):
    before: Stored
    after: Stored
    policy: ParsedPolicy
    backup_id: int
    silent: frozenset[str]
    warnings: tuple[str, ...]
    changed: bool
    dry_run: bool


class Desk:
    def __init__(
        self,
        store: PolicyStore,
        history: History,
        catalogue: CatalogueSource,
        audit: Audit,
        effective: EffectiveSource | None = None,
        clock: Callable[[], float] = time.time,
        *,
        judge: Judge | None = None,
        tenants: TenantStore | None = None,
        effect_s: float = EFFECT_S,
    ) -> None:
        """`judge`: asked too before anything is stored. `tenants`: what backups hold beside the policy.

        `effect_s`: how long a change waits to be in effect.
        """
        self.store = store
        self.history = history
        self.audit = audit
        self._catalogue = catalogue
        self._effective = effective
        self._clock = clock
        self._judge = judge
        self._tenants = tenants
        self._effect_s = effect_s
        self._lock = asyncio.Lock()
        self._parser: tuple[Catalogue, Parser] | None = None
        self._known: str = ""
        self._suspected = ""
        """Hash of what was stored when we last wrote or looked."""

    # Looking.

    async def plugins(self, profile: str | None = None) -> dict[str, Any]:
        """The whole answer of GET /api/v1/plugins. Raises NotFound, Invalid, Unreachable, Forbidden.

        While the stored policy is refused it tells what is in effect, and `warnings` says so.
        """
        catalogue = await self._catalogue.catalogue()
        stored = await self.store.read()
        warnings: list[str] = []
        try:
            policy = await self._parsed(stored.text, catalogue) if stored.text.strip() else empty_policy()
        except Refused as refused:
            document = None if self._effective is None else await self._effective.document()
            if document is None:
                raise
            policy = await self._parsed(msgspec.json.encode(document), catalogue)
            warnings = [f"the stored policy is refused, and this is what is in effect: {_told(refused)}"]
        return {
            "status": "success",
            "data": edits.state(policy, catalogue, profile),
            "supported_plugins": edits.supported_plugins(catalogue),
            "supported_phases": list(PHASES),
            **({"warnings": warnings} if warnings else {}),
        }

    async def policy(self) -> Stored:
        return await self.store.read()

    async def replicas(self) -> list[Replica]:
        """What each replica has in effect; none where nobody can be asked."""
        try:
            return [] if self._effective is None else await self._effective.replicas()
        except Refused:
            return []

    async def validate(self, text: bytes) -> ParsedPolicy:
        """Judge a policy without storing it. Raises TooLarge, Unreadable, Invalid with every problem, Unreachable."""
        policy, _ = await self._judged(text, await self._catalogue.catalogue())
        return policy

    async def revisions(self, limit: int = 20, before: int | None = None) -> tuple[list[Revision], int]:
        """(newest first, below `before`; how many there are in all)."""
        return await self.history.list(limit, before)

    async def revision(self, number: int) -> Revision:
        """Raises NoSuchRevision."""
        return await self.history.get(number)

    async def diff(self, a: Side, b: Side) -> Diff:
        """Between texts, revisions, what is stored (`desired`) and what is in effect (`effective`)."""
        before, after = await self._side(a), await self._side(b)
        if "effective" in (a, b):
            # What is in effect comes without layout and with the format's defaults written out.
            before, after = await self._canonical(before), await self._canonical(after)
        return await asyncio.to_thread(diff, before, after, (_side_name(a), _side_name(b)))

    # Changing.

    async def enable(
        self,
        plugin: str,
        phases: Sequence[str] | None,
        *,
        profile: str | None = None,
        actor: Actor,
        reason: str = "",
        dry_run: bool = False,
        shadow: bool = False,
    ) -> Changed:
        """Raises Refused. `phases`: None for every phase in which it works. `shadow`: only watching, see modes."""
        async with self._audited("enable", plugin, actor, reason, dry_run=dry_run) as record:
            catalogue = await self._catalogue.catalogue()
            name = edits.plugin_named(plugin, catalogue)
            chosen = edits.phases_named(phases, name, catalogue)
            applied = await self._edited(
                lambda tree: edits.enable(tree, name, chosen, profile, catalogue, shadow=shadow),
                catalogue,
                actor=actor,
                reason=reason,
                dry_run=dry_run,
            )
            warnings = [
                *_idle(name, chosen, catalogue),
                *edits.restrictions(applied.policy, name, chosen, profile),
                *_held_back(name, chosen, applied, profile, catalogue),
            ]
            verb = "shadowed" if shadow else "enabled"
            return await self._switched(record, applied, verb, name, chosen, profile, catalogue, warnings)

    async def disable(
        self,
        plugin: str,
        phases: Sequence[str] | None,
        *,
        profile: str | None = None,
        actor: Actor,
        reason: str = "",
        dry_run: bool = False,
    ) -> Changed:
        """Raises Refused. `phases`: None for every phase in which it works."""
        async with self._audited("disable", plugin, actor, reason, dry_run=dry_run) as record:
            catalogue = await self._catalogue.catalogue()
            name = edits.plugin_named(plugin, catalogue)
            chosen = edits.phases_named(phases, name, catalogue)
            applied = await self._edited(
                lambda tree: edits.disable(tree, name, chosen, profile, catalogue),
                catalogue,
                actor=actor,
                reason=reason,
                dry_run=dry_run,
            )
            warnings = [
                *_idle(name, chosen, catalogue),
                *edits.forgotten(tree_of(applied.before.text), name, chosen, profile, catalogue),
            ]
            return await self._switched(record, applied, "disabled", name, chosen, profile, catalogue, warnings)

    async def configure(
        self,
        plugin: str,
        args: Mapping[str, Any],
        *,
        profile: str | None = None,
        actor: Actor,
        reason: str = "",
        dry_run: bool = False,
    ) -> Changed:
        """Merge args into the stored ones; null takes a key away. Raises Refused, its paths relative to the args."""
        async with self._audited("configure", plugin, actor, reason, dry_run=dry_run) as record:
            catalogue = await self._catalogue.catalogue()
            name = edits.plugin_named(plugin, catalogue)

            def edit(tree: Mapping[str, Any]) -> edits.Tree:
                new = edits.configure(tree, name, args, profile, catalogue)
                _check_args(name, edits.args_in(new, name, profile, catalogue), catalogue)
                return new

            applied = await self._edited(edit, catalogue, actor=actor, reason=reason, dry_run=dry_run)
            config = await asyncio.to_thread(_config, applied.after.text, name, profile, catalogue)
            warnings = [warning for warning in applied.policy.warnings if f"{name} is not on" in warning]
            message = f"{name} configured: {', '.join(args) or 'nothing'}"
            return await self._changed(record, applied, message, warnings, plugin=name, config=config)

    async def put(
        self, text: bytes, *, if_match: str | None, actor: Actor, reason: str = "", dry_run: bool = False
    ) -> Changed:
        """Store a whole policy. `if_match`: the hash that it was made from; None: whatever is there; empty: nothing is.

        Raises Refused: Conflict when somebody has changed the policy since.
        """
        async with self._audited("put", self.store.what, actor, reason, dry_run=dry_run) as record:
            catalogue = await self._catalogue.catalogue()
            async with self._lock:
                before = await self._read_or_nothing()
                if if_match is not None and if_match != before.hash:
                    raise Conflict("the policy was changed by somebody else meanwhile; read it again and repeat")
                applied = await self._apply(before, text, catalogue, actor=actor, reason=reason, dry_run=dry_run)
            return await self._changed(record, applied, "policy stored", [*applied.policy.warnings])

    async def rollback(self, number: int, *, actor: Actor, reason: str = "", dry_run: bool = False) -> Changed:
        """Store again what was saved as `number`. Raises Refused: NoSuchRevision, Conflict, and what it may be now."""
        async with self._audited("rollback", f"revision {number}", actor, reason, dry_run=dry_run) as record:
            saved = await self.history.get(number)
            catalogue = await self._catalogue.catalogue()
            async with self._lock:
                before = await self._read_or_nothing()
                applied = await self._apply(before, saved.text, catalogue, actor=actor, reason=reason, dry_run=dry_run)
            return await self._changed(record, applied, f"rolled back to revision {number}", [*applied.policy.warnings])

    async def backup(self, *, actor: Actor, reason: str = "") -> Revision:
        """Save what is stored now. Raises Refused."""
        async with self._audited("backup", self.store.what, actor, reason) as record:
            stored = await self.store.read()
            saved = await self.history.append(stored, kind="manual", actor=actor, reason=reason)
            record.say(before=stored.hash, after=stored.hash, message=f"saved as revision {saved.number}")
            return saved

    async def observe(self) -> Revision | None:
        """Save what somebody stored without us, once; None: nothing is new. Raises Refused.

        For who watches the policy: so the history also holds what was edited directly, and the audit trail by whom.
        """
        stored = await self.store.read()
        if stored.hash == self._known or (stored.change is not None and stored.change.via != "direct"):
            self._known = stored.hash
            return None
        newest = await self.history.newest()
        if newest is not None and newest.hash == stored.hash:
            self._known = stored.hash
            return None
        if newest is not None and stored.change is None and not await self._is_nobodys(stored.hash):
            return None
        self._known = stored.hash
        who = Actor(stored.change.who if stored.change else "unknown", via="direct")
        saved = await self.history.append(stored, kind="observed", actor=who, reason="")
        before = "" if newest is None else newest.hash
        entry = entry_of(who, "edit", self.store.what, "", result="observed", before=before, after=stored.hash)
        await noted(self.audit, entry)
        return saved

    async def _is_nobodys(self, mark: str) -> bool:
        """Of a file, which remembers no author: whether no desk tells of this text. A desk tells when the replicas have
        it, so a text is judged when it is seen for the second time."""
        if mark != self._suspected:
            self._suspected = mark
            return False
        if any(entry.after == mark for entry in await self.audit.newest(_RECENT)):
            self._known = mark
            return False
        return True

    async def refused(self, actor: Actor, action: str, target: str, refusal: Refused) -> None:
        """Audit what was refused before it came to the desk: no credentials, no rights, too many requests."""
        entry = entry_of(
            actor, action, target, "", result="refused", code=refusal.code, message=refusal.message
        )  # fmt: skip
        await noted(self.audit, entry)

    # Backups as one file.

    async def archive(self, seal: Seal | None = None) -> bytes:
        """Policy, tenants and history in one file (archive.py). Raises Refused."""
        stored = await self.store.read()
        files = {archives.POLICY: stored.text}
        if self._tenants is not None:
            files[archives.TENANTS] = msgspec.json.format(msgspec.json.encode(await self._tenants.read()))
        for record in await self.history.records():
            files[archives.history_name(int(record["number"]))] = msgspec.json.encode(record)
        return archives.pack(files, created_at=rfc3339(self._clock()), source=self.store.what, seal=seal)

    async def restore(
        self, archive: bytes, *, actor: Actor, reason: str = "", dry_run: bool = False, seal: Seal | None = None
    ) -> Changed:
        """Store again what `archive` gave: the policy, its tenants, and the history where there is none yet.

        Everything is judged first. Tenants that the archive does not hold stay. Raises Refused.
        """
        async with self._audited("restore", self.store.what, actor, reason, dry_run=dry_run) as record:
            files = archives.unpack(archive, seal)
            found = archives.tenants_of(files)
            records = archives.records_of(files)
            for tenant in checked(found):
                if self._tenants is not None:
                    await self._tenants.write(tenant, dry_run=True)
            catalogue = await self._catalogue.catalogue()
            warnings = []
            async with self._lock:
                before = await self._read_or_nothing()
                policy = files[archives.POLICY]
                applied = await self._apply(before, policy, catalogue, actor=actor, reason=reason, dry_run=True)
                if not dry_run:
                    if records and not await self.history.adopt(records):
                        warnings.append("there is a history here already; that of the archive is left out")
                    applied = await self._apply(before, policy, catalogue, actor=actor, reason=reason, dry_run=False)
            if not dry_run:
                warnings += await self._restored_tenants(found)
            return await self._changed(record, applied, "policy restored", [*applied.policy.warnings, *warnings])

    async def _restored_tenants(self, found: list[dict[str, Any]]) -> list[str]:
        """What could not be done: the policy stands by now, so it is no refusal."""
        if self._tenants is None:
            return ["the archive's tenants are left out: there is no cluster to keep them"] if found else []
        warnings = []
        for tenant in checked(found):
            try:
                await self._tenants.write(tenant)
            except Refused as trouble:
                warnings.append(f"tenant {tenant['metadata']['name']} is not restored: {trouble}")
        return warnings

    # One change.

    async def _edited(
        self,
        edit: Callable[[Mapping[str, Any]], edits.Tree],
        catalogue: Catalogue,
        *,
        actor: Actor,
        reason: str,
        dry_run: bool,
    ) -> _Applied:
        """An edit says what to change and not what the rest is, so it may be made again on a changed policy."""
        async with self._lock:
            for _ in range(TRIES_MAX - 1):
                try:
                    return await self._edited_once(edit, catalogue, actor=actor, reason=reason, dry_run=dry_run)
                except Conflict:
                    continue
            return await self._edited_once(edit, catalogue, actor=actor, reason=reason, dry_run=dry_run)

    async def _edited_once(
        self,
        edit: Callable[[Mapping[str, Any]], edits.Tree],
        catalogue: Catalogue,
        *,
        actor: Actor,
        reason: str,
        dry_run: bool,
    ) -> _Applied:
        before = await self.store.read()
        # Reading a long text takes a second, which others on the loop shall not wait for.
        text = await asyncio.to_thread(_edited_text, before.text, edit)
        return await self._apply(before, text, catalogue, actor=actor, reason=reason, dry_run=dry_run)

    async def _apply(
        self, before: Stored, text: bytes, catalogue: Catalogue, *, actor: Actor, reason: str, dry_run: bool
    ) -> _Applied:
        policy, warnings = await self._judged(text, catalogue)
        gone = frozenset(silent(await self.replicas()))
        backup_id, after, changed = 0, before, text != before.text
        if changed and dry_run:
            after = await self.store.write(text, expect=before.hash, actor=actor, reason=reason, dry_run=True)
        elif changed:
            backup_id = await self._back_up(before, actor, reason)
            after = await self.store.write(text, expect=before.hash, actor=actor, reason=reason)
            self._known = after.hash
        return _Applied(
            before=before,
            after=after,
            policy=policy,
            backup_id=backup_id,
            silent=gone,
            warnings=tuple(warnings),
            changed=changed,
            dry_run=dry_run,
        )

    async def _back_up(self, before: Stored, actor: Actor, reason: str) -> int:
        if not before.hash:
            return 0
        newest = await self.history.newest()
        if newest is not None and (newest.hash, newest.kind, newest.actor, newest.reason) == (
            before.hash,
            "auto",
            actor.name,
            reason,
        ):
            # A try before this one has saved it, and was refused in the end.
            return newest.number
        saved = await self.history.append(before, kind="auto", actor=actor, reason=reason)
        return saved.number

    async def _read_or_nothing(self) -> Stored:
        try:
            return await self.store.read()
        except NotFound:
            return Stored(b"", "", "")

    # Judging.

    async def _judged(self, text: bytes, catalogue: Catalogue) -> tuple[ParsedPolicy, list[str]]:
        """(policy, warnings about the judging). Raises TooLarge, Unreadable, Invalid."""
        policy = await self._parsed(text, catalogue)
        if self._judge is None:
            return policy, []
        try:
            await self._judge.validate(text)
        except Unreachable as trouble:
            return policy, [f"the extender was not asked whether it takes the policy: {trouble}"]
        return policy, []

    async def _parsed(self, text: bytes, catalogue: Catalogue) -> ParsedPolicy:
        if self._parser is None or self._parser[0] is not catalogue:
            self._parser = catalogue, Parser(catalogue)
        try:
            return await self._parser[1].parse(text)
        except PolicyRefused as refused:
            # Raises TooLarge or Unreadable, where that is what is wrong with it.
            await asyncio.to_thread(tree_of, text)
            raise Invalid(f"the policy is refused: {refused}", details_of(refused.problems)) from refused

    # Telling.

    async def _switched(
        self,
        record: _Record,
        applied: _Applied,
        verb: str,
        plugin: str,
        phases: list[str],
        profile: str | None,
        catalogue: Catalogue,
        warnings: list[str],
    ) -> Changed:
        config = await asyncio.to_thread(_config, applied.after.text, plugin, profile, catalogue)
        message = f"{plugin} {verb} in {', '.join(phases)}"
        return await self._changed(record, applied, message, warnings, plugin=plugin, phases=phases, config=config)

    async def _changed(
        self,
        record: _Record,
        applied: _Applied,
        message: str,
        warnings: list[str],
        *,
        plugin: str | None = None,
        phases: list[str] | None = None,
        config: dict[str, Any] | None = None,
    ) -> Changed:
        dry_run, before, after = applied.dry_run, applied.before, applied.after
        record.say(
            before=before.hash,
            after=before.hash if dry_run else after.hash,
            message=message,
            result="done" if applied.changed else "unchanged",
        )
        effective, doubts = (False, []) if dry_run else await self._take_effect(applied)
        now = before if dry_run else after
        return Changed(
            message=f"dry run: {message}" if dry_run else message,
            plugin=plugin,
            phases=phases or [],
            config=config,
            revision=now.revision,
            hash=now.hash,
            backup_id=applied.backup_id,
            warnings=[*warnings, *applied.warnings, *doubts],
            effective=effective,
            changed=applied.changed,
            diff=await asyncio.to_thread(diff, before.text, after.text),
        )

    async def _take_effect(self, applied: _Applied) -> tuple[bool, list[str]]:
        """(every replica has it, what keeps one from it). Waits for at most `effect_s`."""
        if self._effective is None:
            return False, ["whether it is in effect is not known: there is no extender to ask"]
        ends = time.monotonic() + self._effect_s
        pause = _POLL_FIRST_S
        while True:
            try:
                replicas = await self._effective.replicas()
            except Refused as trouble:
                replicas, doubts = [], [f"whether it is in effect is not known: {trouble}"]
            else:
                doubts = _doubts(replicas, applied)
            refused = any(r.status == "False" and r.observed == applied.after.revision for r in replicas)
            asked = [r for r in replicas if r.replica not in applied.silent]
            everywhere = bool(asked) and all(r.hash == applied.policy.hash for r in asked)
            if everywhere or refused or time.monotonic() + pause > ends:
                return everywhere, doubts
            await asyncio.sleep(pause)
            pause = min(_POLL_MAX_S, pause * 1.5)

    @asynccontextmanager
    async def _audited(
        self, action: str, target: str, actor: Actor, reason: str, *, dry_run: bool = False
    ) -> AsyncIterator[_Record]:
        record = _Record(entry_of(actor, action, target, reason[:REASON_CHARS_MAX]))
        try:
            _check_reason(reason)
            yield record
        except Refused as refused:
            record.say(result="refused", code=refused.code, message=refused.message)
            await noted(self.audit, record.entry)
            raise
        except BaseException as fault:
            # `after` tells whether it had been stored by then.
            record.say(result="failed", code=500, message=f"{type(fault).__name__}: {fault}")
            await noted(self.audit, record.entry)
            raise
        if dry_run:
            record.say(result="dry run")
        await noted(self.audit, record.entry)

    # Comparing.

    async def _side(self, side: Side) -> bytes:
        if isinstance(side, bytes):
            return side
        if isinstance(side, int):
            return (await self.history.get(side)).text
        if side == "desired":
            return (await self._read_or_nothing()).text
        return await self._text_in_effect()

    async def _text_in_effect(self) -> bytes:
        """As the extender tells it; else what is stored, or a revision, that the last replica says it has."""
        if self._effective is not None:
            document = await self._effective.document()
            if document is not None:
                return as_yaml(document).encode()
            replicas = await self._effective.replicas()
            stored = await self._read_or_nothing()
            if replicas and stored.hash:
                catalogue = await self._catalogue.catalogue()
                for text in [stored.text, *[r.text for r in (await self.history.list(100))[0]]]:
                    try:
                        policy = await self._parsed(text, catalogue)
                    except Refused:
                        continue
                    if policy.hash == replicas[-1].hash:
                        return text
        raise Unreachable("what is in effect cannot be told: there is no extender to ask")

    async def _canonical(self, text: bytes) -> bytes:
        try:
            policy = await self._parsed(text, await self._catalogue.catalogue())
        except Refused:
            return text
        return as_yaml(plain(policy.document)).encode()


class _Record:
    """The audit entry of one change, as far as it is known."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def say(self, **more: Any) -> None:
        self.entry = msgspec.structs.replace(self.entry, **more)


def _edited_text(text: bytes, edit: Callable[[Mapping[str, Any]], edits.Tree]) -> bytes:
    tree = tree_of(text)
    new = edit(tree)
    return text if new == tree else text_like(text, new)


def _config(text: bytes, plugin: str, profile: str | None, catalogue: Catalogue) -> dict[str, Any]:
    return edits.args_in(tree_of(text), plugin, profile, catalogue)


def _doubts(replicas: Sequence[Replica], applied: _Applied) -> list[str]:
    told = [] if replicas else ["whether it is in effect is not known: no replica has said anything yet"]
    for found in replicas:
        if found.status == "False" and found.observed == applied.after.revision:
            told.append(f"{found.replica} refuses it, and stays at revision {found.revision or 'none'}")
        elif found.hash != applied.policy.hash and found.replica in applied.silent:
            told.append(
                f"{found.replica} has not been heard of since revision {found.observed}: it is gone, or cut off"
            )
        elif found.hash != applied.policy.hash:
            told.append(f"not yet in effect in {found.replica}, which is at revision {found.revision or 'none'}")
    return told


def _idle(plugin: str, phases: Sequence[str], catalogue: Catalogue) -> list[str]:
    works_in = catalogue[plugin].effective_phases()
    told = ", ".join(in_order(works_in))
    return [f"{plugin} does no work in {phase}; it works in {told}" for phase in phases if phase not in works_in]


def _held_back(
    plugin: str, phases: Sequence[str], applied: _Applied, profile: str | None, catalogue: Catalogue
) -> list[str]:
    """preFilter and filter of some plugins are one check, which the other switch may hold back."""
    if plugin not in ONE_CHECK or not CHECK_PHASES & set(phases):
        return []
    disabled = edits.state(applied.policy, catalogue, profile)["disabled_plugins"]
    return [
        f"{plugin} has one check for preFilter and filter, which stays off while {phase} is disabled"
        for phase in in_order(CHECK_PHASES)
        if plugin in disabled.get(phase, ())
    ]


def _check_args(plugin: str, args: dict[str, Any], catalogue: Catalogue) -> None:
    """Raises Invalid with paths relative to the args, as the request knows them."""
    findings = Findings()
    if check_shape(catalogue[plugin], args, "", findings):
        check_meaning(catalogue[plugin], args, "", findings)
    if findings.problems:
        told = "; ".join(str(problem) for problem in findings.problems[:5])
        raise Invalid(f"{plugin} does not take these args: {told}", details_of(findings.problems))


def _check_reason(reason: str) -> None:
    if len(reason) > REASON_CHARS_MAX:
        raise Invalid(
            f"the reason has {len(reason)} characters", [Detail("reason", f"at most {REASON_CHARS_MAX} characters")]
        )


def _told(refused: Refused) -> str:
    return refused.message


def _side_name(side: Side) -> str:
    if isinstance(side, bytes):
        return "given"
    return f"revision {side}" if isinstance(side, int) else side
