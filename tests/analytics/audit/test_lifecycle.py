"""A finding's way between open, acknowledged and suppressed, against a model of it, on both engines."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.store.findings import FindingFilter, Findings
from analytics.store.tables import FindingRow, FindingStateRow

DAY_US = 86_400_000_000
_numbers = itertools.count()
NAMES = ("a", "b", "c", "d")
ACTORS = {"a": "mallory", "b": "mallory", "c": "eve", "d": "mallory"}


@dataclass
class Word:
    state: str
    until: str = "ever"
    """ever, over (its time has passed) or later"""
    similar: bool = False

    @property
    def holds(self) -> bool:
        return self.state == "suppressed" and self.until != "over"


@dataclass
class Model:
    """What the newest words mean. All findings are of one rule but `d`."""

    newest: dict[str, Word] = field(default_factory=dict)

    def state(self, name: str) -> str:
        own = self.newest.get(name)
        if own is not None:
            return own.state if own.state != "suppressed" or own.holds else "open"
        alike = (other for other in NAMES if (other == "d") == (name == "d") and ACTORS[other] == ACTORS[name])
        return "suppressed" if any(self._covers(other) for other in alike) else "open"

    def _covers(self, name: str) -> bool:
        word = self.newest.get(name)
        return word is not None and word.holds and word.similar


WORDS = st.tuples(
    st.sampled_from(NAMES),
    st.builds(
        Word,
        st.sampled_from(["open", "acknowledged", "suppressed"]),
        st.sampled_from(["ever", "over", "later"]),
        st.booleans(),
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, max_size=8))
def test_the_newest_word_about_a_finding_counts_and_then_what_was_said_of_those_like_it(store, words):
    """Rules and ids of each example are its own: the store is one for all."""
    example, now_us = next(_numbers), time.time_ns() // 1000
    rules = {name: f"X{example}-{'02' if name == 'd' else '01'}" for name in NAMES}
    findings, model = Findings(store), Model()
    store.write(
        [
            FindingRow(
                id=f"{name}{example}", seen_us=now_us, at_us=now_us, rule=rules[name], title="t", severity="high",
                actor=ACTORS[name], object="o", description="d", event_ids="[]", attack="[]", fix="f", same=name,
            )
            for name in NAMES
        ]
    )  # fmt: skip
    for number, (name, word) in enumerate(words):
        until_us = {"ever": 0, "over": now_us - 1, "later": now_us + DAY_US}[word.until]
        similar = word.similar and word.state == "suppressed"
        model.newest[name] = Word(word.state, word.until, similar)
        findings.say(
            FindingStateRow(
                f"{name}{example}", now_us + number, word.state, "ann", f"word {number}",
                until_us if word.state == "suppressed" else 0, similar, rules[name], ACTORS[name],
            )
        )  # fmt: skip
    for name in NAMES:
        one = findings.one(f"{name}{example}")
        assert one is not None
        assert one.state == model.state(name), name
        told = [row.why for row in findings.said(one.row.id)]
        assert told == [f"word {number}" for number, (about, _) in reversed(list(enumerate(words))) if about == name]
    for state in ("open", "acknowledged", "suppressed"):
        wanted = sum(model.state(name) == state and name != "d" for name in NAMES)
        assert findings.count(FindingFilter(rule=rules["a"], states=(state,))) == wanted
    quiet = {pair for pair in findings.quiet(now_us) if pair[0] in rules.values()}
    assert quiet == {(rules[name], ACTORS[name]) for name, word in model.newest.items() if word.holds and word.similar}
