"""Who helps kube-scheduler choose: nobody, its own plugins, the Go extender, or Trimtab in several set-ups."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.programs import REPOSITORY, BenchmarkFailed, free_port, listens, post, python
from benchmarks.scheduling_load import SCHEDULER, load_document
from extender.plugins import PLUGINS
from tests.e2e.controlplane import SCHEDULER as IDENTITY
from tests.e2e.controlplane import ControlPlane
from tests.e2e.policies import policy
from tests.e2e.process import Process, eventually
from tests.e2e.programs import Extender, PolicyConfigMap
from tests.e2e.registration import render

ALONE = "NodeResourcesAllocatable"
CLIENT_QPS = 10_000
"""So that the scheduler's own brake on its requests is not what is measured."""
_PACK = {
    "name": "NodeResourcesFit",
    "args": {
        "scoringStrategy": {
            "type": "MostAllocated",
            "resources": [{"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1}],
        }
    },
}
_ARGS: dict[str, dict[str, Any]] = {
    "NodeMetadata": {
        "metadataKey": "bench",
        "metadataSource": "Label",
        "metadataType": "Number",
        "scoringStrategy": "Highest",
    },
    "Peaks": {"NodePowerModel": {"any": {"k0": 470.0, "k1": -90.0, "k2": -0.07}}},
}
"""What a plugin does not start without."""
_LISTEN_LIMIT_S = 30


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to schedule the same pods."""

    name: str
    says: str
    program: str = ""
    """"echo", "go", "trimtab", or "": no extender."""
    plugins: tuple[str, ...] = ()
    recording: bool = False
    packs: bool = False
    """Whether kube-scheduler's own NodeResourcesFit does the scoring, by MostAllocated."""
    percentage: int = 0
    """percentageOfNodesToScore; 0: adaptive."""
    registration: str = "advisory.yaml"
    """Of scheduler-config/."""
    sparse: int = 0
    """scoring.sparse of the policy."""


SCORING = tuple(plugin.name for plugin in PLUGINS if plugin.score is not None)
VARIANTS = (
    Variant("none", "no extender"),
    Variant("in_tree", "no extender, NodeResourcesFit packs (MostAllocated)", packs=True),
    Variant("echo", "an extender that copies the names back", "echo"),
    Variant("go", "the Go extender", "go"),
    Variant("trimtab", f"Trimtab, {ALONE}", "trimtab", (ALONE,)),
    Variant("trimtab_all", f"Trimtab, all {len(SCORING)} score plugins", "trimtab", SCORING),
    Variant("trimtab_recording", f"Trimtab, {ALONE}, recording", "trimtab", (ALONE,), recording=True),
    Variant(
        "trimtab_scoring", f"Trimtab, {ALONE}, asked for scores alone", "trimtab", (ALONE,), registration="scoring.yaml"
    ),
    Variant(
        "trimtab_sparse",
        f"Trimtab, {ALONE}, asked for scores alone, sparse answers",
        "trimtab",
        (ALONE,),
        registration="scoring.yaml",
        sparse=64,
    ),
)
WHOLE = (
    Variant("none_whole", "no extender, all nodes scored", percentage=100),
    Variant("trimtab_whole", f"Trimtab, {ALONE}, all nodes scored", "trimtab", (ALONE,), percentage=100),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the variants run: a control plane with nodes."""

    plane: ControlPlane
    names: Sequence[str]
    folder: Path
    go: Path | None


@dataclass(frozen=True, slots=True)
class Helper:
    """The extender of one run."""

    url: str
    process: Process
    trimtab: Extender | None = None


@contextmanager
def helper(variant: Variant, scene: Scene, run: str) -> Iterator[Helper | None]:
    """The variant's extender, ready; killed afterwards, for nothing it could still write is read."""
    match variant.program:
        case "":
            yield None
            return
        case "echo":
            found = _echo(scene, run)
        case "go":
            found = _go(scene, run)
        case _:
            found = _trimtab(variant, scene, run)
    try:
        yield found
    finally:
        found.process.kill()


def configuration(variant: Variant, plane: ControlPlane, found: Helper | None) -> str:
    """The variant's file of scheduler-config/, with the extender taken out where there is none."""
    identity = plane.kubeconfig("scheduler", plane.client(IDENTITY))
    url = found.url if found else ""
    tree = yaml.safe_load(render(variant.registration, url=url, kubeconfig=identity, scheduler_name=SCHEDULER))
    tree["clientConnection"] |= {"qps": CLIENT_QPS, "burst": 2 * CLIENT_QPS}
    tree["percentageOfNodesToScore"] = variant.percentage
    tree["profiles"][0]["pluginConfig"] = [_PACK] if variant.packs else []
    if found is None:
        del tree["extenders"]
    elif found.trimtab is None:
        del tree["extenders"][0]["preemptVerb"]  # only Trimtab has one
    return json.dumps(tree, indent=1)


def _echo(scene: Scene, run: str) -> Helper:
    port, process = free_port(), Process(f"echo-{run}", scene.plane.dir)
    process.start(python("benchmarks.scheduling_echo", str(port)), cwd=REPOSITORY)
    return _answering(scene, process, port)


def _go(scene: Scene, run: str) -> Helper:
    port, process = free_port(), Process(f"go-{run}", scene.plane.dir)
    names = scene.folder / "names.json"
    names.write_text(json.dumps(scene.names))
    process.start([str(scene.go), "server", f"-addr=127.0.0.1:{port}", f"-names={names}"], env={"BALLAST_MB": "256"})
    return _answering(scene, process, port)


def _answering(scene: Scene, process: Process, port: int) -> Helper:
    eventually(f"{process.name} listens", lambda: listens(port), _LISTEN_LIMIT_S, process.log_tail)
    url = f"http://127.0.0.1:{port}"
    for verb in ("filter", "prioritize"):  # with ignorable: true nobody would notice that it cannot
        asked: dict[str, Any] = {"Pod": {"metadata": {}, "spec": {}}, "Nodes": None, "NodeNames": scene.names[:5]}
        post(f"{url}/{verb}", json.dumps(asked, separators=(",", ":")).encode())
    return Helper(url, process)


def _trimtab(variant: Variant, scene: Scene, run: str) -> Helper:
    load = scene.folder / "load.json"
    load.write_text(json.dumps(load_document(list(scene.names), time.time())))
    found = Extender(scene.plane, scene.folder / f"journal-{run}", recording=variant.recording)
    found.options = (f"--metrics-file={load}", "--log-level=warning")
    config = [{"name": name, "args": _ARGS[name]} for name in variant.plugins if name in _ARGS]
    enabled = {"multiPoint": {"enabled": [{"name": name} for name in variant.plugins]}}
    PolicyConfigMap(scene.plane, found).write(
        policy({"schedulerName": "*", "plugins": enabled, "pluginConfig": config})
        | {"scoring": {"sparse": variant.sparse}}
    )
    found.run()
    # A policy that was refused would be measured as a very fast one.
    on = {seat["name"] for seat in found.configz()["plugins"]}
    if on != set(variant.plugins):
        found.kill()
        raise BenchmarkFailed(f"{variant.name}: {sorted(on ^ set(variant.plugins))} should be on and are not, or are")
    return Helper(found.url, found, found)
