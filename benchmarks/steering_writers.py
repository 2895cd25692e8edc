"""Four writers of one policy: a console's client, a command line's desk, and two with an editor and kubectl.

Each owns some places of the policy and changes them alone, so that what the others do to them shows. Half of what they
do is wrong in some way.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.policy_edits import NAME, NAMESPACE
from benchmarks.programs import BenchmarkFailed
from benchmarks.steering_story import CONFIG_MAPS, KEY, judged
from extender.cli.desk import Opened, opened
from extender.cli.target import Target
from extender.control.problems import Refused
from extender.policy.parsed import ParsedPolicy, ResolvedPlugin

TRY_S = 60.0
"""So long an edit is repeated when others get in between."""
_CALM_S = (0.01, 0.05)
_UNSEATED = "Nonsense"
_OK, _CONFLICT, _REFUSED = 200, 409, (400, 404, 409, 422)
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """What one writer owns, and what should stand there."""

    score: str
    """A plugin that scores: its weight counts this writer's edits."""
    weight: int
    switched: str = ""
    """A plugin that is switched in `phase`; empty: none."""
    phase: str = ""
    on: bool = False
    setting: int = 0
    """Of the scoring plugin, see `configured`; 0: none."""


def places_in(policy: ParsedPolicy, of: Places) -> Places:
    """What stands there now."""
    plugins = policy.profiles[0].plugins
    score = next((plugin for plugin in plugins if plugin.name == of.score), None)
    on = any(plugin.name == of.switched and of.phase in plugin.phases for plugin in plugins)
    found = replace(of, weight=score.weight if score else 0, on=on)
    return replace(found, setting=_setting(score)) if of.setting and score else found


def _setting(plugin: ResolvedPlugin) -> int:
    if plugin.name == "TargetLoadPacking":
        return int(plugin.args.get("targetUtilization", 0))
    return sum(int(resource["weight"]) for resource in plugin.args.get("resources", ()))


def configured(plugin: str, setting: int) -> Tree:
    """Args that hold the number."""
    if plugin == "TargetLoadPacking":
        return {"targetUtilization": setting}
    return {"resources": [{"name": "cpu", "weight": setting}]}


API = Places("NodeResourcesAllocatable", 1, "PodState", "score", setting=1)
DESK = Places("TargetLoadPacking", 1, "Rescheduler", "filter", setting=1)
KUBECTL = (Places("LowRiskOverCommitment", 1), Places("LoadVariationRiskBalancing", 1))
SCORING = (API.score, DESK.score, *(places.score for places in KUBECTL))
START: Tree = {
    "apiVersion": "policy.trimtab.dev/v1alpha1",
    "kind": "SchedulingPolicy",
    "metadata": {"name": "bench"},
    "profiles": [
        {
            "schedulerName": "default-scheduler",
            "plugins": {"score": {"enabled": [{"name": name, "weight": 1} for name in SCORING]}},
            "pluginConfig": [{"name": each.score, "args": configured(each.score, 1)} for each in (API, DESK)],
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Accepted:
    writer: str
    revision: int
    places: Places
    """What the writer's places hold from this revision on."""
    sent_s: float
    """Unix time just before it was sent."""
    took_s: float
    """Until its answer."""
    backup: int = 0
    """Number of the record that holds the text before; 0: this way keeps none."""
    effective: bool = False
    """The answer said that it is in effect."""


@dataclass(slots=True)
class Told:
    """What became of one writer's edits."""

    accepted: list[Accepted] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """Edits that are wrong, by what was wrong with them."""
    repeated: int = 0
    """Attempts that others got in the way of."""


class Again(Exception):
    """Somebody else was in the way: a conflict, or a text that is refused because of their mistake."""


class Writer(ABC):
    def __init__(self, name: str, places: Places, seed: int) -> None:
        self.name = name
        self.places = places
        self.told = Told()
        self.failed: BaseException | None = None
        self._chance = random.Random(seed)

    def run(self, edits: int) -> None:
        """So many edits, half of them wrong. What fails stands in `failed`."""
        try:
            self._edit(edits)
        except BaseException as fault:  # noqa: BLE001 - told by who waits for the thread
            self.failed = fault

    def _edit(self, edits: int) -> None:
        wrong = [True] * (edits // 2) + [False] * (edits - edits // 2)
        self._chance.shuffle(wrong)
        for each in wrong:
            self._persist(self.break_something if each else self.change)
            time.sleep(self._chance.uniform(*_CALM_S))

    @abstractmethod
    def change(self) -> None:
        """One edit that must be accepted. Raises Again."""

    @abstractmethod
    def break_something(self) -> None:
        """One edit that must never be in effect. Raises Again."""

    def _persist(self, act: Callable[[], object]) -> None:
        until = time.monotonic() + TRY_S
        while True:
            try:
                act()
            except Again as why:
                self.told.repeated += 1
                if time.monotonic() > until:
                    raise BenchmarkFailed(f"{self.name}: no way through within {TRY_S:.0f} s: {why}") from why
                time.sleep(self._chance.uniform(*_CALM_S))
            else:
                return

    def _next(self) -> tuple[str, Places]:
        """(what to do, what it leads to)."""
        act = self._chance.choice(("put", "switch", "configure")) if self.places.switched else "put"
        if act == "switch":
            return act, replace(self.places, on=not self.places.on)
        if act == "configure":
            return act, replace(self.places, setting=self.places.setting % 90 + 1)
        return act, replace(self.places, weight=self.places.weight + 1)

    def _keep(self, accepted: Accepted) -> None:
        self.places = accepted.places
        self.told.accepted.append(accepted)


class Caller(Writer):
    """A writer whose edits are judged before they are stored; how they are sent is the subclass's."""

    def change(self) -> None:
        act, after = self._next()
        begin, sent_s = time.perf_counter(), time.time()
        try:
            if act == "put":
                text, mark = self._read()
                told = self._put(reweighted(text, after), mark)
            elif act == "switch":
                told = self._switch(after.switched, after.phase, on=after.on)
            else:
                told = self._configure(after.score, configured(after.score, after.setting))
        except Turned as turned:
            raise Again(str(turned)) from turned
        took_s = time.perf_counter() - begin
        self._keep(
            Accepted(self.name, int(told["revision"]), after, sent_s, took_s, told["backup_id"], told["effective"])
        )

    def break_something(self) -> None:
        text, mark = self._read()
        tries: dict[str, Callable[[], object]] = {
            "unknown plugin": lambda: self._switch(_UNSEATED, "score", on=True),
            "unknown phase": lambda: self._switch(self.places.score, "lunch", on=True),
            "args of a wrong type": lambda: self._configure("TargetLoadPacking", {"targetUtilization": "high"}),
            "args out of bounds": lambda: self._configure("Rescheduler", {"cpuThreshold": 101.0}),
            "a text cut off": lambda: self._put(text[: len(text) // 2], mark),
            "an unknown plugin in the text": lambda: self._put(text.replace(self.places.score, _UNSEATED), mark),
            "a stale hash": lambda: self._put(text, "0" * len(mark)),
        }
        what = self._chance.choice(list(tries))
        try:
            tries[what]()
        except Turned as turned:
            if turned.code not in _REFUSED:
                raise Again(str(turned)) from turned
            self.told.refused[what] += 1
            return
        raise BenchmarkFailed(f"{self.name}: {what} was accepted")

    @abstractmethod
    def _read(self) -> tuple[str, str]:
        """(text, hash). Raises Turned, as the others do."""

    @abstractmethod
    def _put(self, text: str, mark: str) -> Tree: ...

    @abstractmethod
    def _switch(self, plugin: str, phase: str, *, on: bool) -> Tree: ...

    @abstractmethod
    def _configure(self, plugin: str, args: Tree) -> Tree: ...


class Turned(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code


class ApiWriter(Caller):
    """The console's API over HTTP."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__("api", API, seed)
        self._url = url

    def _read(self) -> tuple[str, str]:
        found = self._call("GET", "/policy")
        return found["text"], found["hash"]

    def _put(self, text: str, mark: str) -> Tree:
        return self._call(
            "PUT", "/policy", text.encode(), {"If-Match": f'"{mark}"', "Content-Type": "application/yaml"}
        )

    def _switch(self, plugin: str, phase: str, *, on: bool) -> Tree:
        verb = "enable" if on else "disable"
        return self._call("POST", f"/plugins/{plugin}/{verb}", json.dumps({"phases": [phase]}).encode())

    def _configure(self, plugin: str, args: Tree) -> Tree:
        return self._call("PUT", f"/plugins/{plugin}/config", json.dumps(args).encode())

    def _call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Tree:
        headers = {"Content-Type": "application/json", "X-Trimtab-Reason": "a benchmark", **(headers or {})}
        status, answer = call(f"{self._url}/api/v1{path}", method, body, headers)
        tree: Tree = json.loads(answer)
        if status != _OK:
            raise Turned(status, tree.get("message", ""))
        data: Tree = tree["data"]
        return data | {"effective": not data.get("warnings")}


class DeskWriter(Caller):
    """What `trimtab plugin` and `trimtab policy` do, without the start of a program for each line."""

    def __init__(self, kubeconfig: Path, extender: str, trail: Path, seed: int) -> None:
        super().__init__("desk", DESK, seed)
        self._target = Target(
            kubeconfig=str(kubeconfig), namespace=NAMESPACE, configmap=NAME, extender=extender, audit_trail=trail
        )
        self._runner: asyncio.Runner | None = None
        self._at: Opened | None = None

    def run(self, edits: int) -> None:
        with asyncio.Runner() as self._runner:
            way = opened(self._target)
            self._at = self._runner.run(way.__aenter__())
            try:
                super().run(edits)
            finally:
                self._runner.run(way.__aexit__(None, None, None))

    def _read(self) -> tuple[str, str]:
        stored = self._do(lambda at: at.desk.policy())
        return stored.text.decode(), stored.hash

    def _put(self, text: str, mark: str) -> Tree:
        return self._changed(lambda at: at.desk.put(text.encode(), if_match=mark, actor=at.actor))

    def _switch(self, plugin: str, phase: str, *, on: bool) -> Tree:
        if on:
            return self._changed(lambda at: at.desk.enable(plugin, [phase], actor=at.actor))
        return self._changed(lambda at: at.desk.disable(plugin, [phase], actor=at.actor))

    def _configure(self, plugin: str, args: Tree) -> Tree:
        return self._changed(lambda at: at.desk.configure(plugin, args, actor=at.actor))

    def _changed(self, act: Callable[[Opened], Coroutine[Any, Any, Any]]) -> Tree:
        changed = self._do(act)
        return {"revision": changed.revision, "backup_id": changed.backup_id, "effective": changed.effective}

    def _do(self, act: Callable[[Opened], Coroutine[Any, Any, Any]]) -> Any:
        assert self._runner is not None  # noqa: S101 - `run` has made both
        assert self._at is not None  # noqa: S101
        try:
            return self._runner.run(act(self._at))
        except Refused as refused:
            raise Turned(refused.code, refused.message) from refused


class KubectlWriter(Writer):
    """An editor and kubectl: whatever is saved is stored, also what nobody can use. Another one's mess is tidied up."""

    sound: dict[str, str]
    """A broken text -> the sound one that it was made of; shared among those who break some."""

    def __init__(self, number: int, url: str, sound: dict[str, str], seed: int) -> None:
        super().__init__(f"kubectl-{number}", KUBECTL[number], seed)
        self._url = f"{url}{CONFIG_MAPS}/{NAME}"
        self.sound = sound

    def change(self) -> None:
        _act, after = self._next()
        text, version = self._base()
        begin, sent_s = time.perf_counter(), time.time()
        revision = self._save(reweighted(text, after), version)
        self._keep(Accepted(self.name, revision, after, sent_s, time.perf_counter() - begin))

    def break_something(self) -> None:
        text, version = self._base()
        tree = json.loads(text)
        seats = tree["profiles"][0]["plugins"]["score"]["enabled"]
        broken = {
            "a text cut off": text[: len(text) // 2],
            "an unknown plugin in the text": text.replace(self.places.score, _UNSEATED),
            "a weight below 1": json.dumps(tree | {"profiles": [_with_weight(tree, seats[0]["name"], -1)]}),
            "an unknown field": json.dumps(tree | {"profile": []}),
        }
        what = self._chance.choice(list(broken))
        if judged(broken[what]) is not None:
            raise BenchmarkFailed(f"{self.name}: {what} is not wrong")
        self.sound[broken[what]] = text
        self._save(broken[what], version)
        self.told.refused[what] += 1

    def _edit(self, edits: int) -> None:
        """Leaves a sound text behind: nobody else could go on with a broken one."""
        super()._edit(edits)
        self._persist(lambda: self._save(*self._base()))

    def _base(self) -> tuple[str, str]:
        status, answer = call(self._url)
        if status != _OK:
            raise BenchmarkFailed(f"{self.name}: GET: {status} {answer[:200]!r}")
        found = json.loads(answer)
        text = found["data"][KEY]
        return self.sound.get(text, text), found["metadata"]["resourceVersion"]

    def _save(self, text: str, version: str) -> int:
        patch = {"metadata": {"resourceVersion": version}, "data": {KEY: text}}
        headers = {"Content-Type": "application/merge-patch+json"}
        status, answer = call(f"{self._url}?fieldManager=kubectl-edit", "PATCH", json.dumps(patch).encode(), headers)
        if status == _CONFLICT:
            raise Again("conflict")
        if status != _OK:
            raise BenchmarkFailed(f"{self.name}: PATCH: {status} {answer[:200]!r}")
        return int(json.loads(answer)["metadata"]["resourceVersion"])


def reweighted(text: str, places: Places) -> str:
    """Raises Again where the text is no JSON, or does not seat the plugin: somebody has broken it."""
    try:
        tree = json.loads(text)
        profile = _with_weight(tree, places.score, places.weight)
    except (ValueError, LookupError) as broken:
        raise Again("the stored text is broken") from broken
    return json.dumps(tree | {"profiles": [profile]})


def _with_weight(tree: Tree, name: str, weight: int) -> Tree:
    profile: Tree = json.loads(json.dumps(tree["profiles"][0]))
    seat = next((each for each in profile["plugins"]["score"]["enabled"] if each["name"] == name), None)
    if seat is None:
        raise LookupError(name)
    seat["weight"] = weight
    return profile


def call(
    url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body, whatever the status. Raises BenchmarkFailed when nobody answers."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with _OPENER.open(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as trouble:
        raise BenchmarkFailed(f"{method} {url}: {trouble}") from trouble


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def write_all(edits: Mapping[Writer, int]) -> None:
    """All at once, so many edits each. Raises BenchmarkFailed."""
    threads = [threading.Thread(target=writer.run, args=(count,), daemon=True) for writer, count in edits.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in edits:
        if writer.failed is not None:
            raise BenchmarkFailed(f"writer {writer.name}: {writer.failed!r}") from writer.failed
