"""What takes the fear out of an edit, in figures: a canary's share, a guard's haste, a breaker's price."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import workload
from benchmarks.bench import Bench
from benchmarks.programs import BenchmarkFailed, get
from benchmarks.samples import ratio
from benchmarks.scene import Cluster, Extender, cluster, extender
from benchmarks.steering_load import Line
from extender.record import frames
from extender.record.reader import Found, JournalReader

NODES = PODS = 50
CANARY = "PodState"
PERCENT = 10.0
GUARD_CALLS_MIN = 20
"""Fewer calls trip no guard (docs/modes.md)."""
DEADLINE_MS = 10
LATE_MS, VERY_LATE_MS = 30, 110
_LIMIT_S = 60.0
_MOODY = """\
import time
from extender.framework import PASSED, Args, Code, Plugin, PreFilter, Status

class MoodyArgs(Args, frozen=True):
    mood: str = "good"
    sleep_s: float = 0.0

def check(cycle):
    if cycle.args.sleep_s and not cycle.quiet:
        time.sleep(cycle.args.sleep_s)
    if cycle.args.mood == "raise" and not cycle.quiet:
        raise RuntimeError("boom")
    return Status(Code.UNSCHEDULABLE, "not in the mood") if cycle.args.mood == "refuse" else PASSED

PLUGIN = Plugin(name="Moody", doc="As its args say.", args=MoodyArgs, pre_filter=PreFilter(check))
"""


def measure(bench: Bench) -> dict[str, Any]:
    """`canary` (percentage points), `guard` (seconds), `breaker` (calls, and a ratio)."""
    with cluster(bench.folder / "modes", NODES, PODS) as on:
        env = _with_moody(on.folder / "site")
        return {"canary": _canary(bench, on), "guard": _guard(bench, on, env), "breaker": _breaker(bench, on, env)}


# A canary.


def _canary(bench: Bench, on: Cluster) -> dict[str, Any]:
    """`off_by`: how far the share of the owners is from PERCENT, in percentage points.

    Raises BenchmarkFailed unless the same owners are chosen after a restart.
    """
    owners = bench.plan.owners
    bench.say(f"a canary of {PERCENT:g} % among pods of {owners} owners, and again after a restart")
    policy = _written(on.folder / "canary.yaml", _document({CANARY: {"canary": {"percent": PERCENT}}}))
    chosen = []
    for name in ("canary", "canary-again"):
        with extender(on, name, f"--policy={policy}") as found:
            found.program.until(found.ready, "ready")
            chosen.append(_chosen(found, on.node_names(), owners))
    if chosen[0] != chosen[1]:
        raise BenchmarkFailed(f"{len(chosen[0] ^ chosen[1])} owners stand on another side after a restart")
    share = 100 * len(chosen[0]) / owners
    return {"owners": owners, "percent": PERCENT, "share": round(share, 3), "off_by": round(abs(share - PERCENT), 3)}


def _chosen(found: Extender, names: Sequence[str], owners: int) -> set[str]:
    """Owners whose pods the plugin counts for, by the records of a filter call for each."""
    pod = workload.pods(1)[0]
    line = Line(found.url)
    for number in range(owners):
        metadata = {
            "name": f"owner-{number}-0",
            "namespace": f"team-{number % 7}",
            "uid": f"00000000-0000-4000-8000-{number:012d}",
            "ownerReferences": [
                pod["metadata"]["ownerReferences"][0] | {"kind": "StatefulSet", "name": f"owner-{number}"}
            ],
        }
        line.call("filter", _body(pod | {"metadata": pod["metadata"] | metadata}, names))
    line.close()
    outside, seen = set(), set()
    for frame in _recorded(found, owners):
        seen.add(frame.pod.owner)
        if any(skipped.plugin == CANARY for skipped in frame.skipped):
            outside.add(frame.pod.owner)
    return seen - outside


# A guard.


def _guard(bench: Bench, on: Cluster, env: Mapping[str, str]) -> dict[str, Any]:
    """`trip_s`: from the call with which the guard has seen enough to the first under the old revision; the slowest."""
    trips = bench.plan.guard_trips
    bench.say(f"a guard takes a revision back, {trips} times")
    path = on.folder / "guarded.yaml"
    refusing = {"name": "refusing", "when": {"rejectedShare": 0.5}, "over": "30s", "then": "rollback"}
    took: list[float] = []
    _written(path, _document({"Moody": {}}, name="good"))
    with extender(on, "guarded", f"--policy={path}", env=env) as found:
        found.program.until(found.ready, "ready")
        body, line = _body(workload.pods(1)[0], on.node_names()), Line(found.url)
        for number in range(trips):
            good, bad = f"good-{number}", f"bad-{number}"
            _put(found, path, _document({"Moody": {}}, name=good))
            _put(found, path, _document({"Moody": {}}, name=bad, guards=[refusing], mood="refuse"))
            for _ in range(GUARD_CALLS_MIN):
                if _passes(line.call("filter", body)):
                    raise BenchmarkFailed("the plugin that refuses does not")
            begin = time.perf_counter()
            while not _passes(line.call("filter", body)):
                if time.perf_counter() - begin > _LIMIT_S:
                    raise BenchmarkFailed(f"the guard has not tripped within {_LIMIT_S:.0f} s\n{found.program.tail()}")
                time.sleep(0.005)
            took.append(time.perf_counter() - begin)
            if _name_in_effect(found) != good:
                raise BenchmarkFailed(f"{_name_in_effect(found)} is in effect behind the guard, not {good}")
        line.close()
    return {"trips": trips, "trip_s": {"value": round(max(took), 3), "runs": [round(each, 3) for each in took]}}


# A breaker.


def _breaker(bench: Bench, on: Cluster, env: Mapping[str, str]) -> dict[str, Any]:
    """Calls until a plugin is out; and what a call costs then, against one of a policy without the plugin."""
    bench.say("a plugin that raises, is late or very late, until it is out, and what calls cost then")
    late = {"deadline": f"{DEADLINE_MS}ms"}
    ways: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "raises": ({}, {"mood": "raise"}),
        "late": (late, {"sleepS": LATE_MS / 1000}),
        "very_late": (late, {"sleepS": VERY_LATE_MS / 1000}),
    }
    calls: dict[str, int] = {}
    for way, (entry, args) in ways.items():
        policy = _written(on.folder / f"{way}.yaml", _document({CANARY: {}, "Moody": entry}, name=way, **args))
        with extender(on, way.replace("_", "-"), f"--policy={policy}", env=env) as found:
            found.program.until(found.ready, "ready")
            calls[way] = _until_out(found, on)
    policy = _written(on.folder / "without.yaml", _document({CANARY: {}}, name="without"))
    broken = on.folder / "raises.yaml"
    with (
        extender(on, "broken", f"--policy={broken}", env=env) as one,
        extender(on, "whole", f"--policy={policy}", env=env) as other,
    ):
        for each in (one, other):
            each.program.until(each.ready, "ready")
        cost = _cost(bench, on, one, other)
    return {"calls": calls, "cost": cost}


def _until_out(found: Extender, on: Cluster) -> int:
    body, line, tries = _body(workload.pods(1)[0], on.node_names()), Line(found.url), 10
    for _ in range(tries):
        line.call("filter", body)
    line.close()
    asked = [any(verdict.plugin == "Moody" for verdict in frame.plugins) for frame in _recorded(found, tries)]
    if asked != sorted(asked, reverse=True):
        raise BenchmarkFailed(f"the plugin came back at once: {asked}")
    return sum(asked)


def _cost(bench: Bench, on: Cluster, broken: Extender, whole: Extender) -> dict[str, Any]:
    """p50 of filter calls with the breaker open, divided by that of an extender whose policy lacks the plugin."""
    plan, body = bench.plan, _body(workload.pods(1)[0], on.node_names())
    lines = {"broken": Line(broken.url), "whole": Line(whole.url)}
    rounds: dict[str, list[list[float]]] = {name: [] for name in lines}
    for number in range(2 * plan.rounds):
        for name in list(lines)[:: -1 if number % 2 else 1]:
            rounds[name].append([_timed(lines[name], body) for _ in range(3 + plan.block)][3:])
    for line in lines.values():
        line.close()
    return ratio([np.array(rounds["broken"])], [np.array(rounds["whole"])], 50)


def _timed(line: Line, body: bytes) -> float:
    begin = time.perf_counter()
    line.call("filter", body)
    return 1e6 * (time.perf_counter() - begin)


# What all three need.


def _with_moody(site: Path) -> dict[str, str]:
    """An environment in which one more plugin is installed: a third party's, which misbehaves when its args say so."""
    metadata = site / "moody-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "moody_plugin.py").write_text(_MOODY)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[trimtab.plugins]\nmoody = moody_plugin\n")
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _document(
    entries: Mapping[str, Mapping[str, Any]], name: str = "bench", guards: Sequence[Any] = (), **moody: Any
) -> dict[str, Any]:
    """A policy with these plugins on; `moody`: args of that one."""
    enabled = [{"name": plugin, **entry} for plugin, entry in entries.items()]
    config = [{"name": "Moody", "args": moody}] if moody else []
    profile = {"schedulerName": "*", "plugins": {"multiPoint": {"enabled": enabled}}, "pluginConfig": config}
    head = {"apiVersion": "policy.trimtab.dev/v1alpha1", "kind": "SchedulingPolicy", "metadata": {"name": name}}
    return {**head, "profiles": [profile], **({"guards": list(guards)} if guards else {})}


def _written(path: Path, document: Mapping[str, Any]) -> Path:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document))
    return new.replace(path)


def _put(found: Extender, path: Path, document: Mapping[str, Any]) -> None:
    """Write a policy and wait until it is in effect."""
    _written(path, document)
    until = time.perf_counter() + _LIMIT_S
    while _name_in_effect(found) != document["metadata"]["name"]:
        if time.perf_counter() > until:
            raise BenchmarkFailed(f"{document['metadata']['name']} is not in effect\n{found.program.tail()}")
        time.sleep(0.01)


def _name_in_effect(found: Extender) -> str:
    return str(json.loads(get(f"{found.admin}/configz")[1])["effective"]["metadata"]["name"])


def _body(pod: Mapping[str, Any], names: Sequence[str]) -> bytes:
    return json.dumps({"Pod": pod, "Nodes": None, "NodeNames": list(names)}).encode()


def _passes(answer: bytes) -> bool:
    return bool(json.loads(answer).get("NodeNames"))


def _recorded(found: Extender, count: int) -> list[frames.Decision]:
    """The first `count` filter calls, oldest first. Raises BenchmarkFailed when they are not there in time."""
    return list(_frames(found, count))


def _frames(found: Extender, count: int) -> Iterator[frames.Decision]:
    with _reading(found.journal) as reader:
        until = time.monotonic() + _LIMIT_S
        while count:
            batch = reader.read(max_frames=1000, max_bytes=1 << 24)
            for item in batch:
                frame = frames.decode(item.frame.payload) if isinstance(item, Found) else None
                if count and isinstance(frame, frames.Decision) and frame.verb == "filter":
                    count -= 1
                    yield frame
            if not batch and time.monotonic() > until:
                raise BenchmarkFailed(f"{found.program.name}: {count} calls are not recorded")
            if not batch:
                time.sleep(0.02)


@contextmanager
def _reading(journal: Path) -> Iterator[JournalReader]:
    reader = JournalReader([journal])
    try:
        yield reader
    finally:
        reader.close()
