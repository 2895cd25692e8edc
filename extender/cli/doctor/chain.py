"""The chain, link by link, in the order in which a pod depends on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import httpx

from extender.cli.doctor.certificates import certificates
from extender.cli.doctor.clock import clock
from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.journal import journal
from extender.cli.doctor.kinds import kinds
from extender.cli.doctor.plugins import plugins
from extender.cli.doctor.policy import policy
from extender.cli.doctor.reachability import extender, sidecar
from extender.cli.doctor.registration import registration
from extender.cli.doctor.rights import rights
from extender.cli.doctor.scene import Scene, Where
from extender.cli.doctor.versions import versions
from extender.kube import KubeError

Check = Callable[[Scene], Awaitable[list[Finding]]]
_TIMEOUT_S = 10.0


async def api(scene: Scene) -> list[Finding]:
    say = Findings("api")
    if scene.api is not None:
        return [say.ok(f"{scene.api.server} answers")]
    target = scene.where.target
    if target.policy_file is not None and target.kubeconfig is None and target.context is None:
        return [say.skip("the policy is a file, and no credentials are named", "name a cluster's with --kubeconfig")]
    return [say.fail(scene.api_trouble, "name credentials with --kubeconfig or --context")]


CHECKS: dict[str, Check] = {
    "api": api,
    "scheduler": registration,
    "extender": extender,
    "certificates": certificates,
    "policy": policy,
    "crds": kinds,
    "plugins": plugins,
    "rights": rights,
    "clock": clock,
    "journal": journal,
    "sidecar": sidecar,
    "versions": versions,
}


async def examine(where: Where, only: Collection[str] = ()) -> list[Finding]:
    """Every line of the chosen checks (none chosen: all). Never raises over what it finds."""
    async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as http:
        scene = Scene(where=where, http=http)
        await scene.look()
        try:
            return [
                line
                for name, check in CHECKS.items()
                if not only or name in only
                for line in await _run(name, check, scene)
            ]
        finally:
            if scene.api is not None:
                await scene.api.close()


async def _run(name: str, check: Check, scene: Scene) -> list[Finding]:
    say = Findings(name)
    try:
        return await check(scene)
    except KubeError as trouble:
        denied = trouble.status in (401, 403)
        return [say.fail(str(trouble), "run doctor with that right" if denied else "see the lines of api")]
    except Exception as odd:  # noqa: BLE001 - what one check stumbles over must not hide the others
        return [say.fail(f"cannot make sense of what was found: {type(odd).__name__}: {odd}", "please report this")]
