"""Whether what steering promises was kept, told from what was stored and what was recorded.

Raises BenchmarkFailed, which says where a promise was broken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from benchmarks.programs import BenchmarkFailed
from benchmarks.steering_story import Version, text_in
from benchmarks.steering_writers import Accepted, Places, places_in
from extender.control.revision import FIRST, Record
from extender.policy.parsed import ParsedPolicy
from extender.record import frames


class Owner(Protocol):
    """Whoever changes some places of the policy alone."""

    @property
    def name(self) -> str: ...

    @property
    def places(self) -> Places: ...


class Seen:
    """One call: which revision it says, and which policy it shows."""

    __slots__ = ("at_s", "revision", "seats", "verb", "weights")

    def __init__(self, frame: frames.Decision) -> None:
        self.at_s = frame.at_us / 1e6
        self.revision = int(frame.revision)
        self.verb = frame.verb
        phase = "filter" if frame.verb == "filter" else "score"
        self.seats = {verdict.plugin for verdict in frame.plugins if verdict.phase == phase}
        self.weights = {
            plugin: weighted // normalised
            for best in frame.best
            for plugin, (_raw, normalised, weighted) in best.parts.items()
            if normalised
        }


def no_mix(versions: Sequence[Version], decisions: Mapping[str, Sequence[Seen]], weighed: Collection[str]) -> None:
    """Each call's seats and weights are those of the revision that it names.

    `decisions`: by extender. `weighed`: plugins whose weights must have shown.
    """
    policies = {version.revision: version.policy for version in versions}
    shown: Counter[str] = Counter()
    for url, found in decisions.items():
        for seen in found:
            policy = policies.get(seen.revision)
            if policy is None:
                raise BenchmarkFailed(f"{url} decided under revision {seen.revision}, which cannot be in effect")
            seats, weights = _wanted(policy, seen.verb)
            wrong = {name: weight for name, weight in seen.weights.items() if weights.get(name) != weight}
            if seen.seats != seats or wrong:
                raise BenchmarkFailed(
                    f"{url}: a {seen.verb} call under revision {seen.revision} asked {sorted(seen.seats)} with weights "
                    f"{seen.weights}; the revision has {sorted(seats)} with {weights}"
                )
            shown.update(seen.weights.keys())
    if unseen := set(weighed) - set(shown):
        raise BenchmarkFailed(f"no score of {sorted(unseen)} was above 0, so that their weights were not seen")


def _wanted(policy: ParsedPolicy, verb: str) -> tuple[set[str], dict[str, int]]:
    phase = "filter" if verb == "filter" else "score"
    seats = [plugin for plugin in policy.profiles[0].plugins if phase in plugin.phases]
    return {plugin.name for plugin in seats}, {plugin.name: plugin.weight for plugin in seats}


def none_lost(versions: Sequence[Version], accepted: Sequence[Accepted], writers: Sequence[Owner]) -> None:
    """In every version each writer's places hold what the last accepted edit of that writer has put there."""
    edits = {one.revision: one for one in accepted}
    first = versions[0].policy
    if first is None:
        raise BenchmarkFailed("the story begins with a policy that cannot be in effect")
    places = {writer.name: places_in(first, writer.places) for writer in writers}
    told_of = set()
    for version in versions:
        if (edit := edits.get(version.revision)) is not None:
            places[edit.writer] = edit.places
            told_of.add(version.revision)
        if version.policy is None:
            continue
        for writer, wanted in places.items():
            found = places_in(version.policy, wanted)
            if found != wanted:
                raise BenchmarkFailed(f"revision {version.revision} has {found} of {writer}, whose edit was {wanted}")
    if missing := set(edits) - told_of:
        raise BenchmarkFailed(f"revisions {sorted(missing)[:5]} were accepted, and were never stored")


def in_history(versions: Sequence[Version], records: Mapping[int, Record], accepted: Sequence[Accepted]) -> None:
    """The records hold together, and each edit of console and desk has left the text before it there."""
    chain = FIRST
    for number in range(1, max(records, default=0) + 1):
        record = records.get(number)
        if record is None or record.previous != chain or record.chain != record.chained():
            raise BenchmarkFailed(f"record {number} of the history does not follow from the one before")
        chain = record.chain
    texts = [version.text for version in versions]
    place = {version.revision: at for at, version in enumerate(versions)}
    for edit in accepted:
        if edit.backup and text_in(records[edit.backup]) != texts[place[edit.revision] - 1]:
            raise BenchmarkFailed(f"record {edit.backup} does not hold the text before revision {edit.revision}")


def effects(
    versions: Sequence[Version], accepted: Sequence[Accepted], decisions: Mapping[str, Sequence[Seen]]
) -> list[float]:
    """Milliseconds from the sending of each edit to the first decision under it, or a later one, on the slower replica.

    Edits that somebody broke before they could be in effect are left out.
    """
    unusable = [version.revision for version in versions if version.policy is None]
    firsts = [_firsts(found) for found in decisions.values()]
    found_ms = []
    for edit in accepted:
        seen = [found[at] for found in firsts if (at := bisect_left(found, (edit.revision, 0.0))) < len(found)]
        if len(seen) < len(firsts):
            continue
        broken = bisect_left(unusable, edit.revision)
        if broken < len(unusable) and any(unusable[broken] < revision for revision, _at_s in seen):
            continue
        found_ms.append(1000 * (max(at_s for _revision, at_s in seen) - edit.sent_s))
    return found_ms


def _firsts(found: Sequence[Seen]) -> list[tuple[int, float]]:
    """(revision, when it decided first), ascending."""
    firsts: dict[int, float] = {}
    for seen in found:
        firsts[seen.revision] = min(seen.at_s, firsts.get(seen.revision, seen.at_s))
    return sorted(firsts.items())
