"""The restart of kube-scheduler, when somebody asks for it. Nothing of ours needs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from extender.control.actor import Actor
from extender.control.audit import Audit, entry_of, noted
from extender.control.problems import Forbidden, NotFound, Refused, Unreachable
from extender.control.store import FIELD_MANAGER, rfc3339
from extender.kube import KubeApi, KubeError

ANNOTATION = "kubectl.kubernetes.io/restartedAt"
_STRATEGIC = "application/strategic-merge-patch+json"
_OK, _ABSENT = 200, 404
_FORBIDDEN = (401, 403)


class Restarted(msgspec.Struct, frozen=True):
    namespace: str
    deployment: str
    restarted_at: str
    """RFC 3339 UTC."""


class Restarter:
    def __init__(
        self, api: KubeApi, namespace: str, deployment: str, audit: Audit, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._api = api
        self._namespace, self._deployment = namespace, deployment
        self._path = f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/deployments/{quote(deployment, safe='')}"
        self._audit = audit
        self._clock = clock

    async def restart(self, *, actor: Actor, reason: str = "", dry_run: bool = False) -> Restarted:
        """A rolling restart, as `kubectl rollout restart` does it. Raises NotFound, Forbidden, Unreachable."""
        target = f"deployment/{self._namespace}/{self._deployment}"
        try:
            at = await self._patch(actor, reason, dry_run=dry_run)
        except Refused as refused:
            told = {"result": "refused", "code": refused.code, "message": refused.message}
            await noted(self._audit, entry_of(actor, "restart", target, reason, **told))
            raise
        await noted(self._audit, entry_of(actor, "restart", target, reason, result="dry run" if dry_run else "done"))
        return Restarted(self._namespace, self._deployment, at)

    async def check(self) -> str:
        """`ok`, or what is in the way of a restart."""
        try:
            answer = await self._api.request("GET", self._path)
        except KubeError as trouble:
            return str(trouble)
        return "ok" if answer.status == _OK else f"HTTP {answer.status} {answer.message}"

    async def _patch(self, actor: Actor, reason: str, *, dry_run: bool) -> str:
        at = rfc3339(self._clock())
        annotations = {ANNOTATION: at, "policy.trimtab.dev/restarted-by": actor.name}
        if reason:
            annotations["policy.trimtab.dev/restart-reason"] = reason
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
        try:
            answer = await self._api.request(
                "PATCH", self._path, query=query, body=msgspec.json.encode(patch), content_type=_STRATEGIC
            )
        except KubeError as trouble:
            raise Unreachable(f"cannot restart the scheduler: {trouble}") from trouble
        if answer.status == _ABSENT:
            raise NotFound(
                f"there is no Deployment {self._namespace}/{self._deployment}. A scheduler that is a static pod is "
                "restarted on its node: move its manifest out of the kubelet's manifest folder and back again. "
                "Changes of the policy need no restart. Another Deployment is named by SCHEDULER_DEPLOYMENT"
            )
        if answer.status in _FORBIDDEN:
            raise Forbidden(
                f"cannot restart the scheduler: HTTP {answer.status} {answer.message}; grant patch on "
                f"deployments.apps in {self._namespace}"
            )
        if answer.status != _OK:
            raise Unreachable(f"cannot restart the scheduler: HTTP {answer.status} {answer.message}")
        return at
