"""Does everybody answer: the extender's two ports, and the sidecar."""

from __future__ import annotations

from typing import Any

import httpx

from extender.cli.doctor.certificates import context_of
from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.registration import ours
from extender.cli.doctor.scene import Scene

EXTENDER, SIDECAR = Findings("extender"), Findings("sidecar")
# A pod that no policy need know, and no node: whatever is on, nothing can be promised.
PROBE: dict[str, Any] = {
    "Pod": {
        "metadata": {"name": "trimtab-doctor", "namespace": "default", "uid": "trimtab-doctor"},
        "spec": {"schedulerName": "trimtab-doctor", "containers": []},
    },
    "NodeNames": [],
}
_OK = 200


async def extender(scene: Scene) -> list[Finding]:
    base = scene.where.target.admin
    found = []
    try:
        live = await scene.http.get(f"{base}/livez")
        ready = await scene.http.get(f"{base}/readyz?verbose")
    except (httpx.HTTPError, httpx.InvalidURL) as trouble:
        return [
            EXTENDER.fail(
                f"{base} does not answer: {trouble or type(trouble).__name__}",
                "start the extender, name its admin port with --extender, or kubectl port-forward -n trimtab-system "
                "service/trimtab 8889",
            )
        ]
    found.append(
        EXTENDER.ok(f"{base} is live")
        if live.status_code == _OK
        else EXTENDER.fail(f"{base}/livez answers {live.status_code}", "read its log, and restart it")
    )
    failing = [line.removeprefix("[-]") for line in ready.text.splitlines() if line.startswith("[-]")]
    if ready.status_code == _OK:
        found.append(EXTENDER.ok(f"{base} is ready"))
    else:
        told = "; ".join(failing) or f"readyz answers {ready.status_code}"
        found.append(EXTENDER.fail(f"it is not ready: {told}", "wait for its start, or read its log"))
    return [*found, await filter_(scene)]


async def filter_(scene: Scene) -> Finding:
    """The scheduler port, asked as kube-scheduler asks it."""
    entries = [e for e in (scene.configuration or {}).get("extenders") or () if isinstance(e, dict)]
    mine = ours(entries, scene.where.scheduler_url)
    base = scene.where.scheduler_url or (str(mine[0].get("urlPrefix", "")) if mine else "")
    if not base:
        return EXTENDER.skip("nobody said where the scheduler port is", "name it with --scheduler-url URL")
    url = f"{base.rstrip('/')}/filter"
    try:
        context = context_of(mine[0] if mine else {}) if base.startswith("https:") else True
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=10) as client:
            answer = await client.post(url, json=PROBE)
        told = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as trouble:
        return EXTENDER.fail(
            f"{url} does not answer a filter: {trouble or type(trouble).__name__}",
            "check urlPrefix, and that the scheduler's machine reaches it",
        )
    if answer.status_code != _OK or not isinstance(told, dict) or told.get("Error"):
        reason = answer.headers.get("X-Trimtab-Reason") or (told or {}).get("Error") or answer.status_code
        return EXTENDER.fail(f"{url} refuses a filter: {reason}", "check that urlPrefix is the extender's port")
    return EXTENDER.ok(f"{url} answers a filter")


async def sidecar(scene: Scene) -> list[Finding]:
    base = scene.where.console
    try:
        answer = await scene.http.get(f"{base}/health")
        told = answer.json()
        checks = told.get("checks") or {}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as trouble:
        return [
            SIDECAR.fail(
                f"{base} does not answer: {trouble or type(trouble).__name__}",
                "start the sidecar or name it with --server; scheduling goes on without it, records are kept",
            )
        ]
    bad = {name: text for name, text in checks.items() if text != "ok"}
    if answer.status_code == _OK and not bad:
        return [SIDECAR.ok(f"{base} is healthy")]
    return [SIDECAR.fail(f"{name}: {text}", "read the sidecar's log") for name, text in bad.items()] or [
        SIDECAR.fail(f"{base}/health answers {answer.status_code}", "read the sidecar's log")
    ]
