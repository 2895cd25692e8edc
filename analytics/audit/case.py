"""One case of a rule, compiled: what it asks of an event, what it remembers, what it then says."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import product
from typing import Any

from analytics.audit.condition import BadCondition, asks, compiled, only
from analytics.audit.context import Context
from analytics.audit.facts import Facts
from analytics.audit.fields import WHO, Field, field_named
from analytics.audit.finding import Finding, key_of
from analytics.audit.memory import Chains, Mark, Quiet, Recent, Windows
from analytics.audit.record import AuditEvent
from analytics.audit.rule import Case, Condition, Rule, seconds

_PLACE = re.compile(r"\{([^{}]*)\}")
_SHOWN = 200
_MOST_FOLDED = 50_000
_MOST_KEYS_OF_ONE = 20
"""Keys under which one event is counted, where its fields have several values."""
_IDS = 20
"""Of a burst: so many of its last events are named."""
_FAILED = 400
_DRY = "dryRun=All"
_MICROSECONDS = 1_000_000
_DAY_S = 24 * 3600
INDEXED = ("resource", "verb", "subresource")
"""Fields by which the detector chooses the cases for an event."""
_EXTRA = {"threshold": ("count",), "silence": ("gap",)}


class CompiledCase:
    """Raises BadCondition on anything in the case that does not mean something."""

    def __init__(self, rule: Rule, case: Case, context: Context, at: str) -> None:
        self.rule, self.case = rule, case
        self.folded = 0
        self.windows: Windows | None = None
        kinds = [name for name in ("threshold", "sequence", "silence") if getattr(case, name) is not None]
        if len(kinds) > 1:
            raise BadCondition(f"{at}: {' and '.join(kinds)} in one case; make it two")
        if case.sequence is not None and case.match:
            raise BadCondition(f"{at}.match: a sequence has a match in each step and none of its own")
        if not case.match and case.sequence is None:
            raise BadCondition(f"{at}.match: is empty")
        self.within = {field: _only(field, case) for field in INDEXED}
        """By field: values outside which it cannot find anything; None: any."""
        compiled(case.match, context, f"{at}.match")
        # Of a sequence empty, and therefore true: its steps ask for themselves.
        left = _left(case.match)
        by_who = {key: wanted for key, wanted in left.items() if asks({key: wanted}) <= WHO}
        self._test_who = compiled(by_who, context, f"{at}.match")
        self._test = compiled({key: left[key] for key in left if key not in by_who}, context, f"{at}.match")
        self._allowed = [
            compiled(one.match, context, f"{rule.id}.allow[{number}].match") for number, one in enumerate(rule.allow)
        ]
        self._says = _sentence(case.says, f"{at}.says", _EXTRA.get(kinds[0], ()) if kinds else ())
        self._fold, self._quiet_us = _keys(case.fold.by if case.fold else (), f"{at}.fold.by"), 0
        self._told: Recent[Hashable, int] = Recent(_MOST_FOLDED)
        if case.fold is not None:
            self._quiet_us = _window(case.fold.within, f"{at}.fold.within")
        self._finder: _Finder = _plain
        if case.threshold is not None:
            self._finder = self._counting(case, at)
        elif case.sequence is not None:
            self._finder = self._chaining(case, context, at)
        elif case.silence is not None:
            self._finder = self._listening(case, at)

    def concerns(self, resource: str, verb: str, subresource: str, outcome: str) -> bool:
        """Whether events of this kind are to be shown to it."""
        values = zip(INDEXED, (resource, verb, subresource), strict=True)
        wanted = ((self.within[field], value) for field, value in values)
        return self.case.outcome in (outcome, "any") and all(known is None or value in known for known, value in wanted)

    def concerns_who(self, facts: Facts) -> bool:
        """Of an event that it `concerns`: whether it, and every other that agrees in `who`, is to be shown to it."""
        return self._test_who(facts)

    def see(self, facts: Facts, at_us: int) -> Sequence[Finding]:
        """Findings that this event completes, which it `concerns` both ways. `at_us`: as the log's clock has it."""
        if not self._test(facts):
            return ()
        if self._allowed and any(allows(facts) for allows in self._allowed):
            return ()
        found: list[Finding] = []
        for parts, ids, extra in self._finder(facts, at_us):
            if not self._again(facts, at_us):
                found.append(self._finding(facts, at_us, parts, ids, extra))
        return found

    # ---- the ways to find; each gives what tells its finding from others, the events, and words for the sentence

    def _plain(self, facts: Facts, at_us: int) -> Iterator[_Found]:
        del at_us
        yield (facts.event.audit_id,), (facts.event.audit_id,), {}

    def _counting(self, case: Case, at: str) -> _Finder:
        wanted = case.threshold
        assert wanted is not None  # noqa: S101 - the caller looked
        at = f"{at}.threshold"
        keys = _keys(wanted.by, f"{at}.by")
        if wanted.distinct and wanted.sum:
            raise BadCondition(f"{at}: distinct and sum; want one of them")
        told_apart = _field(wanted.distinct, f"{at}.distinct") if wanted.distinct else None
        summed = _field(wanted.sum, f"{at}.sum") if wanted.sum else None
        if summed is not None and summed.type != "number":
            raise BadCondition(f"{at}.sum: {wanted.sum!r} is no number")
        length = _window(wanted.within, f"{at}.within")
        windows = Windows(wanted.count, length, distinct=told_apart is not None)
        self.windows = windows

        def found(facts: Facts, at_us: int) -> Iterator[_Found]:
            value: float | str = 1.0
            if told_apart is not None:
                value = _shown(told_apart.read(facts))
            elif summed is not None:
                value = float(summed.read(facts) or 0)
            for key in _values(keys, facts):
                if full := windows.add(key, Mark(at_us, facts.event.audit_id, value)):
                    ids = tuple(dict.fromkeys(mark.event_id for mark in full))[-_IDS:]
                    yield (*key, full[-1].event_id), ids, {"count": str(len(full))}

        return found

    def _chaining(self, case: Case, context: Context, at: str) -> _Finder:
        wanted = case.sequence
        assert wanted is not None  # noqa: S101 - the caller looked
        at = f"{at}.sequence"
        steps = [
            (
                compiled(step.match, context, f"{at}.steps[{number}].match"),
                _keys(step.by or wanted.by, f"{at}.steps[{number}].by"),
            )
            for number, step in enumerate(wanted.steps)
        ]
        chains = Chains(len(steps), _window(wanted.within, f"{at}.within"))

        def found(facts: Facts, at_us: int) -> Iterator[_Found]:
            for number, (test, keys) in enumerate(steps):
                if test(facts):
                    for key in _values(keys, facts):
                        if chain := chains.add(key, number, Mark(at_us, facts.event.audit_id)):
                            ids = tuple(mark.event_id for mark in chain)
                            yield (*key, *ids), ids, {}

        return found

    def _listening(self, case: Case, at: str) -> _Finder:
        wanted = case.silence
        assert wanted is not None  # noqa: S101 - the caller looked
        quiet = Quiet(wanted.usual, _window(wanted.longer, f"{at}.silence.longer"))

        def found(facts: Facts, at_us: int) -> Iterator[_Found]:
            if gap := quiet.add(at_us):
                one = (facts.event.audit_id,)
                yield one, one, {"gap": f"{gap // _MICROSECONDS} s"}

        return found

    # ---- what is said

    def _again(self, facts: Facts, at_us: int) -> bool:
        """The same was said a moment ago."""
        if not self._quiet_us:
            return False
        key = next(_values(self._fold, facts))
        said = self._told.get(key)
        if said is not None and abs(at_us - said) <= self._quiet_us:
            self.folded += 1
            return True
        self._told.put(key, at_us)
        return False

    def _finding(
        self, facts: Facts, at_us: int, parts: tuple[str, ...], ids: tuple[str, ...], extra: _Words
    ) -> Finding:
        rule = self.rule
        return Finding(
            rule=rule.id,
            title=rule.title,
            severity=self.case.severity or rule.severity,
            at_us=at_us,
            user=facts.event.user,
            object=facts.event.object,
            description=self._says(facts, extra),
            event_ids=ids,
            attack=(*rule.attack, *rule.microsoft),
            fix=rule.fix,
            case=self.case.name,
            key=key_of(rule.id, self.case.name, *parts),
        )


_Words = dict[str, str]
_Found = tuple[tuple[str, ...], tuple[str, ...], _Words]
_Finder = Callable[[Facts, int], Iterator[_Found]]


def _plain(facts: Facts, at_us: int) -> Iterator[_Found]:  # noqa: ARG001 - as every finder
    one = (facts.event.audit_id,)
    yield one, one, {}


def outcome_of(event: AuditEvent) -> str:
    """`success`, `failure`, or `dry` for a request that was to change nothing."""
    if _DRY in event.request_uri:
        return "dry"
    forbidden = event.annotations.get("authorization.k8s.io/decision") == "forbid"
    return "failure" if event.code >= _FAILED or forbidden else "success"


def _only(field: str, case: Case) -> frozenset[str] | None:
    if case.sequence is None:
        return only(field, case.match)
    parts = [only(field, step.match) for step in case.sequence.steps]
    known = [part for part in parts if part is not None]
    return frozenset().union(*known) if len(known) == len(parts) else None


def _left(match: Condition) -> Condition:
    """What is left to ask of an event that `concerns` the case: nothing that `_only` reads off the match itself."""
    return {
        field: wanted
        for field, wanted in match.items()
        if field not in INDEXED or only(field, {field: wanted}) is None or _asks_more(wanted)
    }


def _asks_more(wanted: Any) -> bool:
    return isinstance(wanted, dict) and len(wanted) > 1


def _window(text: str, at: str) -> int:
    """Microseconds."""
    if seconds(text) > _DAY_S:
        raise BadCondition(f"{at}: {text} is more than 24h, which is how long anything is remembered")
    return seconds(text) * _MICROSECONDS


def _field(name: str, at: str) -> Field:
    try:
        return field_named(name)
    except KeyError:
        raise BadCondition(f"{at}: no field {name!r}; see docs/tools/audit-rules.md for the fields") from None


def _keys(names: tuple[str, ...], at: str) -> list[Field]:
    return [_field(name, at) for name in names]


def _values(keys: list[Field], facts: Facts) -> Iterator[tuple[str, ...]]:
    """Keys under which the event counts: one, or one for each value of fields with several."""
    each: list[tuple[str, ...]] = []
    for field in keys:
        value = field.read(facts)
        each.append(tuple(dict.fromkeys(map(str, value))) if isinstance(value, tuple) else (str(value),))
    for number, key in enumerate(product(*each)):
        if number == _MOST_KEYS_OF_ONE:
            return
        yield key


def _sentence(template: str, at: str, extra: tuple[str, ...]) -> Callable[[Facts, _Words], str]:
    names = _PLACE.findall(template)
    fields = {name: _field(name, at) for name in names if name not in extra}

    def said(facts: Facts, words: _Words) -> str:
        def word(place: re.Match[str]) -> str:
            field = fields.get(place[1])
            return words.get(place[1], "") if field is None else _shown(field.read(facts))

        return _PLACE.sub(word, template)

    return said


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
