"""Random edits by four writers at once, half of them wrong, while two extenders are asked: what came of each."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks import policy_edits, workload
from benchmarks.bench import Bench
from benchmarks.programs import BenchmarkFailed, Program, free_port, get, post, python
from benchmarks.samples import milliseconds
from benchmarks.scene import Cluster, Extender, cluster, extender
from benchmarks.steering_checks import Seen, effects, in_history, no_mix, none_lost
from benchmarks.steering_load import Load, under_load
from benchmarks.steering_story import CONFIG_MAPS, KEY, Story, Version
from benchmarks.steering_writers import (
    SCORING,
    START,
    ApiWriter,
    DeskWriter,
    KubectlWriter,
    Writer,
    write_all,
)
from extender.control.history import ControllerRevisionHistory
from extender.kube import KubeApi
from extender.record import frames
from extender.record.reader import Found, JournalReader

NODES = PODS = 50
PER_S = 200.0
_LIMIT_S = 30.0
_OK = 200


def measure(bench: Bench) -> dict[str, Any]:
    """Counts, and `edit_to_effect` and `answered` in milliseconds. Raises BenchmarkFailed where a promise is broken."""
    edits = 4 * bench.plan.steering_edits
    bench.say(f"{edits} edits by four writers at once under {PER_S:.0f} calls a second to two extenders")
    with cluster(bench.folder / "steering", NODES, PODS) as on:
        _create(on)
        story = Story(on.url)
        option = f"--policy-configmap={policy_edits.NAMESPACE}/{policy_edits.NAME}"
        with (
            extender(on, "replica-a", option, "--replica=a") as one,
            extender(on, "replica-b", option, "--replica=b") as other,
        ):
            replicas = (one, other)
            for each in replicas:
                each.program.until(each.ready, "ready")
            with _console(on, one) as url:
                return _measured(bench, on, replicas, url, story)


def _measured(bench: Bench, on: Cluster, replicas: Sequence[Extender], console: str, story: Story) -> dict[str, Any]:
    edits = bench.plan.steering_edits
    pods, sound = on.create_pods(workload.pods()), dict[str, str]()
    writers: list[Writer] = [
        ApiWriter(console, seed=1),
        DeskWriter(on.kubeconfig, replicas[1].admin, on.folder / "desk.jsonl", seed=2),
        *(KubectlWriter(number, on.url, sound, seed=3 + number) for number in range(2)),
    ]
    with under_load(replicas, pods, on.node_names(), PER_S) as load:
        write_all(dict.fromkeys(writers, edits))
        writers[-1].break_something()
        story.complete()
        _in_effect(replicas, next(v for v in reversed(story.edits()) if v.policy is not None))
    story.complete()
    accepted = sorted((one for writer in writers for one in writer.told.accepted), key=lambda one: one.revision)
    decisions = {found.url: _decisions(found, load) for found in replicas}
    no_mix(story.versions, decisions, SCORING)
    none_lost(story.versions, accepted, writers)
    in_history(story.versions, story.records, accepted)
    asyncio.run(_chained(on))
    bench.say("every call under one revision, no edit lost, every text before a change in the history")
    by_desk = [one for one in accepted if one.backup]
    took = effects(story.versions, [one for one in accepted if not one.backup], decisions)
    return {
        "edits": 4 * edits,
        "accepted": len(accepted),
        "wrong": dict(sum((writer.told.refused for writer in writers), Counter())),
        "repeated": sum(writer.told.repeated for writer in writers),
        "revisions": len(story.edits()),
        "revisions_that_decided": len({one.revision for found in decisions.values() for one in found}),
        "calls": sum(map(len, decisions.values())),
        "calls_per_s": round(load.per_s, 1),
        "answered_in_effect": sum(one.effective for one in by_desk) / len(by_desk),
        "answered": milliseconds([1000 * one.took_s for one in by_desk]),
        "edit_to_effect": milliseconds(took),
    }


def _create(on: Cluster) -> None:
    post(f"{on.url}/api/v1/namespaces", json.dumps({"metadata": {"name": policy_edits.NAMESPACE}}).encode())
    made = {"metadata": {"name": policy_edits.NAME}, "data": {KEY: json.dumps(START)}}
    post(f"{on.url}{CONFIG_MAPS}", json.dumps(made).encode())


@contextmanager
def _console(on: Cluster, of: Extender) -> Iterator[str]:
    """The sidecar, changing the cluster's policy for everybody on this machine."""
    port = free_port()
    command = python(
        "analytics",
        f"--listen=127.0.0.1:{port}",
        f"--metrics=127.0.0.1:{free_port()}",
        f"--journal={of.journal}",
        f"--store={on.folder / 'steering.duckdb'}",
        f"--extender={of.admin}",
        f"--policy-configmap={policy_edits.NAMESPACE}/{policy_edits.NAME}",
        f"--kubeconfig={on.kubeconfig}",
        f"--audit-trail={on.folder / 'console.jsonl'}",
        "--auth=none",
    )
    with Program("console", command, on.folder) as program:
        url = f"http://127.0.0.1:{port}"
        program.until(lambda: get(f"{url}/health")[0] == _OK, "/health")
        yield url


def _in_effect(replicas: Sequence[Extender], wanted: Version) -> None:
    """What is in effect in the end is the last text that can be."""
    assert wanted.policy is not None  # noqa: S101 - the caller has chosen it so
    for found in replicas:
        until = time.monotonic() + _LIMIT_S
        while json.loads(get(f"{found.admin}/configz")[1])["hash"] != wanted.policy.hash:
            if time.monotonic() > until:
                raise BenchmarkFailed(
                    f"{found.program.name} is at revision {found.revision()}, and {wanted.revision} is the last that "
                    f"can be in effect\n{found.program.tail()}"
                )
            time.sleep(0.02)


def _decisions(of: Extender, load: Load) -> list[Seen]:
    """Every call of the load, as its extender recorded it. Raises BenchmarkFailed when one is missing."""
    found: list[Seen] = []
    wanted = 2 * load.calls[of.url]
    reader, until = JournalReader([of.journal]), time.monotonic() + _LIMIT_S
    try:
        while len(found) < wanted:
            batch = reader.read(max_frames=1000, max_bytes=1 << 24)
            for item in batch:
                frame = frames.decode(item.frame.payload) if isinstance(item, Found) else None
                if isinstance(frame, frames.Decision):
                    found.append(Seen(frame))
            if not batch and time.monotonic() > until:
                raise BenchmarkFailed(f"{of.program.name} recorded {len(found)} calls of {wanted}")
            if not batch:
                time.sleep(0.05)
    finally:
        reader.close()
    return found


async def _chained(on: Cluster) -> None:
    """As `trimtab policy verify` finds it."""
    api = await KubeApi.connect(str(on.kubeconfig))
    try:
        history = ControllerRevisionHistory(api, policy_edits.NAMESPACE, policy_edits.NAME)
        if problems := await history.verify(None):
            raise BenchmarkFailed(f"the history: {'; '.join(problems[:3])}")
    finally:
        await api.close()
