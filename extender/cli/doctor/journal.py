"""Do decisions get to disk, and from there into the sidecar?"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.scene import Scene

SAY = Findings("journal")
DROPPED, BEHIND = "trimtab_journal_dropped_total", "trimtab_ingest_behind_bytes"
BEHIND_MAX = 16 * 2**20
ROOM_MIN = 1 * 2**30


async def journal(scene: Scene) -> list[Finding]:
    if scene.configz is None:
        return [SAY.skip("the extender does not say where its journal is", "see the lines of extender")]
    status = scene.configz.get("journal") or {}
    found = [*written(status)]
    if status.get("directory"):
        found += [*room(Path(str(status["directory"])))]
        found += dropped(await _samples(scene, f"{scene.where.target.admin}/metrics", DROPPED))
        found += read(await _samples(scene, f"{scene.where.console}/metrics", BEHIND))
    return found


def written(status: Mapping[str, Any]) -> Iterable[Finding]:
    if not status.get("directory"):
        yield SAY.warn("the extender keeps no journal: decisions are not recorded", "give it --journal DIR")
    elif status.get("trouble"):
        yield SAY.fail(
            f"the journal cannot be written: {status['trouble']}", "make room, or correct the folder's rights"
        )
    else:
        yield SAY.ok(f"{status.get('records', 0)} records written to {status['directory']}")


def room(folder: Path) -> Iterable[Finding]:
    """Of the disk, where the folder is on this machine."""
    if not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    if free < ROOM_MIN:
        yield SAY.warn(f"{free // 2**20} MiB are free where the journal is", "make room, or lower --journal-budget")
    else:
        yield SAY.ok(f"{free // 2**30} GiB are free where the journal is")


def dropped(counted: Mapping[str, float] | None) -> Iterable[Finding]:
    """cause -> records lost since the extender's start."""
    if counted is None:
        return
    lost = {cause: int(count) for cause, count in counted.items() if count}
    if lost:
        causes = ", ".join(f"{count} ({cause or 'no cause given'})" for cause, count in lost.items())
        yield SAY.warn(f"records were dropped: {causes}", "make the disk faster or larger; decisions were not affected")
    else:
        yield SAY.ok("no record was dropped")


def read(behind: Mapping[str, float] | None) -> Iterable[Finding]:
    if behind is None:
        yield SAY.skip("how far the sidecar has read is not known", "see the lines of sidecar")
    elif (size := sum(behind.values())) > BEHIND_MAX:
        yield SAY.warn(
            f"the sidecar is {size / 2**20:.0f} MiB behind", "it catches up in quiet hours; else give it more CPU"
        )
    else:
        yield SAY.ok("the sidecar keeps up")


async def _samples(scene: Scene, url: str, name: str) -> dict[str, float] | None:
    """Values of a metric by their first label; None: nobody answers."""
    try:
        answer = await scene.http.get(url)
        answer.raise_for_status()
        families = list(text_string_to_metric_families(answer.text))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {next(iter(sample.labels.values()), ""): sample.value for sample in samples}
