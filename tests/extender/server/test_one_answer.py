"""However a call is spelled, and whether it was foreseen or not, it has one answer.

Two extenders see the same cluster. One is asked as kube-scheduler asks, so that bodies are scanned, copied and answered
by compiled code and prioritize finds its scores computed ahead. The other is asked the same in JSON that only the plain
reader takes, and never looks ahead.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extender.engine.profile import PolicySet, profile_of
from extender.model.events import NodeDeleted, NodeUpserted, PodAssumed, PodDeleted
from extender.model.node import Node
from extender.model.verdict import Phase
from extender.record.frames import ShadowTally
from extender.server.verbs import Verbs
from extender.wire import kernels
from tests.extender.engine.a_world import World, a_pod
from tests.thorough import CI

REQUESTS = 100_000 if CI else 4_000
NODES = [f"node-{number:03d}" for number in range(90)] + ["é-node", "n" * 70, "<&>"]
WATCHED = ["Seats", "Size", "Biggest", "Smallest", "Wild", "Broken", "Speechless", "Clumsy", "Third"]
STRANGERS = ["stranger", 'a"quote', "back\\slash", ""]


class Pair:
    def __init__(self, cache: Path, shadows: int = 0) -> None:
        """`shadows`: how many plugins the quick one has in shadow, chosen anew with every policy."""
        self._shadows = shadows
        self._chance = random.Random(shadows)
        self.worlds = [World(cache / "kernels", {}) for _ in range(2)]
        self.quick, self.plain = map(verbs_of, self.worlds)
        self.foreseen = 0

    def apply(self, event: Any) -> None:
        for world in self.worlds:
            world.state.apply(event, world.now_s)

    def known(self) -> list[str]:
        return [name for name, _row in self.worlds[0].state.nodes.items()]

    def later(self, seconds: float) -> None:
        for world in self.worlds:
            world.now_s += seconds

    def use(self, plugins: list[str], scale: str, sparse: int) -> None:
        watched = self._chance.sample([name for name in WATCHED if name not in plugins], self._shadows)
        for world in self.worlds:
            seats = [world._seat(name, weight, None) for weight, name in enumerate(plugins, 1)]
            if world is self.worlds[0]:
                every = frozenset(Phase)
                seats = [replace(world._seat(n, 3, None), phases=frozenset(), shadow=every) for n in watched] + seats
            profile = profile_of("default-scheduler", seats)
            world.engine.activate(PolicySet("r", "h", scale, {"default-scheduler": profile}, sparse))

    def ask(self, verb: str, request: dict[str, Any], odd: random.Random) -> dict[str, Any]:
        """The answer, which both must give, byte for byte; but Node objects come back as they were spelled."""
        expected = self._ahead()
        quick = self.quick.call(verb, spelled_by_go(request))
        plain = self.plain.call(verb, spelled_oddly(request, odd))
        assert (quick.status, quick.reason) == (plain.status, plain.reason)
        answer: dict[str, Any] = json.loads(quick.body)
        if request["Nodes"] is None or verb == "prioritize":
            assert quick.body == plain.body, (verb, request)
        else:
            assert answer == json.loads(plain.body), (verb, request)
        assert (quick.nodes_in, quick.nodes_out, quick.nodes_unknown) == (
            plain.nodes_in,
            plain.nodes_out,
            plain.nodes_unknown,
        )
        self.foreseen += expected is not None and quick is expected
        self.quick.score_ahead(quick)
        self.quick.look_aside(quick)
        return answer

    def _ahead(self) -> Any:
        ahead = self.quick._ahead
        return ahead.answer if ahead is not None else None


def verbs_of(world: World) -> Verbs:
    return Verbs(world.engine, world.state.nodes, clock=lambda: world.now_s)


def spelled_by_go(request: dict[str, Any]) -> bytes:
    text = json.dumps(request, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode()


def spelled_oddly(request: dict[str, Any], odd: random.Random) -> bytes:
    keys = list(request)
    odd.shuffle(keys)
    # White space in front keeps every compiled reader away.
    return b" " + json.dumps({key: request[key] for key in keys}, ensure_ascii=odd.random() < 0.5).encode()


def a_request(chance: random.Random, pod: int, names: list[str], *, objects: bool) -> dict[str, Any]:
    tree = {
        "metadata": {"name": f"pod-{pod}", "namespace": "ns", "uid": f"u{pod}", "labels": {"text": 'a "b" \\ {[<é>]}'}},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": f"{chance.randint(1, 9)}00m"}}}]},
        "status": {"phase": "Pending"},
    }
    if not objects:
        return {"Pod": tree, "Nodes": None, "NodeNames": names}
    items = [an_object(chance, name) for name in names]
    return {"Pod": tree, "Nodes": {"metadata": {}, "items": items}, "NodeNames": None}


def an_object(chance: random.Random, name: str) -> dict[str, Any]:
    text = "".join(chance.choice('ab{}[]:,"\\ é') for _ in range(chance.randint(0, 90)))
    head = {"metadata": {"name": name, "annotations": {text: text}, "ownerReferences": [{"name": "x"}]}}
    rest = {
        "spec": {"podCIDRs": ["10.0.0.0/24"], "metadata": {"name": "deep"}},
        "status": {"images": [{"names": [text]}]},
    }
    return {**rest, **head} if chance.random() < 0.2 else {**head, **rest}


def some_names(chance: random.Random, known: list[str]) -> list[str]:
    pool = known if chance.random() < 0.9 else NODES
    found = chance.sample(pool, chance.randint(0, min(40, len(pool))))
    if chance.random() < 0.05:
        found.append(chance.choice(STRANGERS))
    if found and chance.random() < 0.05:
        found.append(chance.choice(found))
    return found


def kept_of(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """What the scheduler sends to prioritize after this filter answer."""
    if request["Nodes"] is None:
        return request | {"NodeNames": answer["NodeNames"]}
    return request | {"Nodes": answer["Nodes"]}


def something_happens(chance: random.Random, pair: Pair) -> None:
    name, uid = chance.choice(NODES), f"u{chance.randint(0, 5)}"
    match chance.randint(0, 6):
        case 0:
            pair.apply(NodeDeleted(name))
        case 1 | 2:
            capacity: dict[str, str | int | float] = {"cpu": str(chance.randint(1, 64)), "memory": "8Gi"}
            pair.apply(NodeUpserted(Node(name=name, capacity=capacity, unschedulable=chance.random() < 0.2)))
        case 3:
            pair.apply(PodAssumed(a_pod(uid, node_name=name), pair.worlds[0].now_s))
        case 4:
            pair.apply(PodDeleted(uid))
        case 5:
            pair.later(chance.choice([0.01, 0.3, 70.0]))
            for world in pair.worlds:
                world.engine.tick()
        case _:
            plugins = chance.sample(["Seats", "Size", "Biggest", "Wild", "Third"], chance.randint(0, 4))
            pair.use(plugins, chance.choice(["wide", "wide", "strict"]), chance.choice([0, 0, 1, 5, 200]))


@pytest.mark.timeout(900)
def test_every_call_has_one_answer_however_it_came_about(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    cycles = asked_about(pair, REQUESTS)
    # The law would be cheap if nothing were ever foreseen.
    assert not kernels.COMPILED or pair.foreseen > cycles / 5


@pytest.mark.timeout(900)
def test_plugins_in_shadow_change_no_byte_of_any_answer_and_no_promise(tmp_path: Path) -> None:
    pair = Pair(tmp_path, shadows=3)
    cycles = asked_about(pair, REQUESTS)
    quick, plain = (world.engine for world in pair.worlds)
    assert quick.leases() == plain.leases()
    quick.finish()
    tallies = [frame for frame in pair.worlds[0].frames if isinstance(frame, ShadowTally)]
    assert sum(tally.seen for tally in tallies) > cycles / 5, "it would be cheap if they were never asked"
    assert sum(tally.would_reject for tally in tallies) > 0
    assert sum(tally.moved for tally in tallies) > 0
    assert not kernels.COMPILED or pair.foreseen > cycles / 5


def asked_about(pair: Pair, requests: int) -> int:
    """A cluster that lives while pods are filtered and scored; how many cycles there were."""
    chance = random.Random(20261128)
    for name in NODES:
        pair.apply(NodeUpserted(Node(name=name, capacity={"cpu": str(chance.randint(1, 64))})))
    pair.use(["Size", "Biggest", "Seats"], "wide", 0)
    asked = cycles = 0
    while asked < requests:
        if chance.random() < 0.3:
            something_happens(chance, pair)
        objects = chance.random() < 0.1
        request = a_request(chance, chance.randint(0, 5), some_names(chance, pair.known()), objects=objects)
        answer = pair.ask("filter", request, chance)
        if chance.random() < 0.1:
            something_happens(chance, pair)
        following = kept_of(request, answer)
        if chance.random() < 0.1:
            following = a_request(chance, chance.randint(0, 5), some_names(chance, pair.known()), objects=objects)
        pair.ask("prioritize", following, chance)
        asked += 2
        cycles += 1
    return cycles
