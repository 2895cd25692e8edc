"""Labelled audit logs from a seed: `python -m analytics.audit.generator --seed 1 --rounds 3 audit.log labels.jsonl`.

Ordinary scenes go on all the time; each round puts every attack somewhere between them, by an attacker of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from analytics.audit.analysis import rfc3339
from analytics.audit.lab.attacks import ATTACKS, Attack
from analytics.audit.lab.disturb import ENVELOPES, disturbed
from analytics.audit.lab.maker import BEGIN_US, Event, Maker
from analytics.audit.lab.noise import SCENES

_ROUND_S = 2 * 3600.0
_GAP_S = 900.0
"""So long each round is followed by nothing, where silence is an attack."""
_ATTACKED = 0.7
"""In this part of a round attacks begin: the longest is over before the gap."""


@dataclass(frozen=True, slots=True)
class Label:
    """One attack in the log."""

    name: str
    rules: tuple[str, ...]
    """Those that should find it."""
    evasive: bool
    event_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Corpus:
    events: list[Event]
    """In the order of their stageTimestamps."""
    labels: list[Label]


def generate(seed: int, rounds: int = 1, scenes: int = 400, attacks: Sequence[Attack] = ATTACKS) -> Corpus:
    """`rounds` of two hours, each with `scenes` ordinary scenes and every attack once. The same for a seed."""
    make = Maker(seed)
    events: list[Event] = []
    labels: list[Label] = []
    for number in range(rounds):
        begin = number * (_ROUND_S + _GAP_S)
        for attack in attacks:
            at = begin + make.random.uniform(0, _ROUND_S * _ATTACKED)
            made = list(attack.make(make, at, make.name("mallory")))
            events += made
            labels.append(Label(attack.name, attack.rules, attack.evasive, frozenset(one["auditID"] for one in made)))
        events += _ordinary(make, begin, scenes)
        back = make.event(begin + _ROUND_S + _GAP_S - 1, "get", "alice", "pods/shop")
        events.append(back)
        if attacks:
            labels.append(Label("gap", ("SCH-24",), evasive=False, event_ids=frozenset([back["auditID"]])))
    events.sort(key=lambda one: (one["stageTimestamp"], one["auditID"]))
    return Corpus(events, labels)


def _ordinary(make: Maker, begin: float, scenes: int) -> Iterator[Event]:
    kinds, weights = zip(*SCENES, strict=True)
    end = rfc3339(BEGIN_US + round((begin + _ROUND_S) * 1_000_000))
    for scene in make.random.choices(kinds, weights, k=scenes):
        for event in scene(make, begin + make.random.uniform(0, _ROUND_S)):
            if event["stageTimestamp"] < end:
                yield event


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 written, 1 not written, 2 usage."""
    parser = argparse.ArgumentParser(prog="python -m analytics.audit.generator", description=__doc__)
    parser.add_argument("log", type=Path, help="where the events go, one JSON object a line")
    parser.add_argument("labels", type=Path, help="where the attacks go: name, rules, evasive, event_ids")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="of two hours, each with every attack (default 1)")
    parser.add_argument("--scenes", type=int, default=400, help="ordinary scenes of a round (default 400)")
    parser.add_argument("--no-attacks", action="store_true", help="ordinary scenes alone")
    parser.add_argument("--envelope", choices=sorted(ENVELOPES), default="none", help="as a managed cloud wraps it")
    parser.add_argument("--places", type=int, default=0, help="each event up to so many places too late")
    parser.add_argument("--twice", type=float, default=0.0, help="this part of the events comes twice, 0 to 1")
    options = parser.parse_args(arguments)
    corpus = generate(options.seed, options.rounds, options.scenes, () if options.no_attacks else ATTACKS)
    wrap = ENVELOPES[options.envelope]
    events = disturbed(corpus.events, options.seed, places=options.places, twice=options.twice)
    try:
        with options.log.open("wb") as log:
            log.writelines(orjson.dumps(wrap(event)) + b"\n" for event in events)
        with options.labels.open("wb") as labels:
            labels.writelines(orjson.dumps(_told(label)) + b"\n" for label in corpus.labels)
    except OSError as wrong:
        print(f"{wrong.filename}: {wrong.strerror}", file=sys.stderr)  # noqa: T201 - a program's own words
        return 1
    return 0


def _told(label: Label) -> dict[str, object]:
    rules, ids = list(label.rules), sorted(label.event_ids)
    return {"name": label.name, "rules": rules, "evasive": label.evasive, "event_ids": ids}


if __name__ == "__main__":
    sys.exit(main())
