"""Why a pod is pending: one root cause, what it stands on, the nodes in groups, and what may be done.

Lives here: the facts about one pod, judges in order of precedence, the sidecar's own judgement of a place, the words in
each language. Pure, but for gather.py, which reads store and view. Never here: HTTP, SQL, another way to count requests
than the extender's.
"""

from __future__ import annotations

from analytics.why.answer import Answer, Evidence, Found, Line
from analytics.why.causes import BY_KEY, CAUSES, Cause
from analytics.why.facts import Facts
from analytics.why.gather import Gathering
from analytics.why.judges import judge, lasting_for_ever
from analytics.why.table import groups, lines
from analytics.why.words import LANGUAGES, Language, advice, group, label, line, sentence, title

__all__ = [
    "BY_KEY",
    "CAUSES",
    "LANGUAGES",
    "Answer",
    "Cause",
    "Facts",
    "Found",
    "Gathering",
    "Language",
    "answer",
    "judge",
    "label",
    "sentence",
    "title",
]


def answer(facts: Facts, language: Language = "en") -> Answer:
    """The whole answer about one pod."""
    found = judge(facts)
    owner = facts.pod.owner if facts.pod is not None and facts.pod.owner else f"pod/{facts.name}"
    more = {"namespace": facts.namespace, "name": facts.name, "OWNER": owner}
    return Answer(
        cause=found.cause,
        title=title(found.cause, language),
        sentence=sentence(found, language),
        lasting=BY_KEY[found.cause].lasting,
        label=label(BY_KEY[found.cause].lasting, language),
        lines=(*(line(one, language) for one in lines(facts, found)), *_behind(facts, found, language)),
        groups=tuple(group(one, language) for one in groups(facts)),
        advice=advice(found, more, language),
    )


_BEFORE_NODES = ("gates", "schedulers", "quotas", "gangs")


def _behind(facts: Facts, found: Found, language: Language) -> tuple[Line, ...]:
    """What would keep the pod for ever once the cause is gone: who takes a gate off should know before."""
    if BY_KEY[found.cause].family not in _BEFORE_NODES:
        return ()
    hidden = lasting_for_ever(facts)
    if hidden is None:
        return ()
    text = Evidence("behind", {"text": sentence(hidden, language)}, "inferred", "nodes and pods")
    return (line(text, language),)
