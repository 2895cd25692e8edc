"""The mutating admission webhook: puts scheduling gates on new pods whose turn is ordered by us.

It only ever adds gates, only on CREATE, never to a pod that has its node already. Whatever is odd about a pod, the
answer is "allowed": the API server asks on behalf of everybody who makes pods.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from extender.model.pod import KubePod, Pod
from extender.server.body import Disconnected, TooLarge, read_body
from extender.server.errors import Refused, error_response, json_response
from extender.telemetry import metrics

PATH = "/mutate"
# The largest pod that etcd takes, twice over (an update carries the old one too).
BODY_MAX = 4 << 20
# Pods that nothing may hold back.
CRITICAL = frozenset({"system-node-critical", "system-cluster-critical"})
NAMESPACES_LEFT_ALONE = frozenset({"kube-system"})

_API, _KIND = "admission.k8s.io/v1", "AdmissionReview"
_LOG = logging.getLogger(__name__)

GatesFor = Callable[[Pod], Sequence[str]]


class _Kind(msgspec.Struct, gc=False):
    group: str = ""
    version: str = ""
    kind: str = ""


class _Request(msgspec.Struct, gc=False, rename="camel"):
    uid: str
    operation: str = ""
    kind: _Kind = msgspec.field(default_factory=_Kind)
    namespace: str = ""
    sub_resource: str = ""
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw()


class _Review(msgspec.Struct, gc=False, rename={"api_version": "apiVersion"}):
    api_version: str = ""
    kind: str = ""
    request: _Request | None = None


_REVIEW = msgspec.json.Decoder(_Review)
_POD = msgspec.json.Decoder(KubePod)


def webhook_app(gates_for: GatesFor, gave_out: Callable[[], None]) -> Starlette:
    """The ASGI app. `gates_for`: new pod -> gates to put on it; `gave_out` hears of each pod that got one for real."""
    hook = _Hook(gates_for, gave_out)
    return Starlette(routes=[Route(PATH, hook.mutate, methods=["POST"]), Route("/livez", _alive, methods=["GET"])])


async def _alive(_request: Request) -> Response:
    return Response("ok", media_type="text/plain")


class _Hook:
    def __init__(self, gates_for: GatesFor, gave_out: Callable[[], None]) -> None:
        self._gates_for = gates_for
        self._gave_out = gave_out

    async def mutate(self, request: Request) -> Response:
        try:
            body = await read_body(request.scope, request.receive, BODY_MAX)
        except Disconnected:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except TooLarge:
            return _refused(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the review is larger than {BODY_MAX} bytes")
        try:
            review = _REVIEW.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            return _refused(request, HTTPStatus.BAD_REQUEST, f"not an {_KIND}: {wrong}")
        if review.kind != _KIND or review.api_version != _API or review.request is None or not review.request.uid:
            return _refused(request, HTTPStatus.BAD_REQUEST, f"want an {_KIND} of {_API} with request.uid")
        return json_response({"apiVersion": _API, "kind": _KIND, "response": self._answer(review.request)})

    def _answer(self, asked: _Request) -> dict[str, Any]:
        answer: dict[str, Any] = {"uid": asked.uid, "allowed": True}
        result, patch = self._judged(asked, answer)
        metrics.WEBHOOK_REVIEWS.labels(result).inc()
        if patch:
            answer |= {"patchType": "JSONPatch", "patch": _base64(patch)}
            if not asked.dry_run:
                self._gave_out()
        return answer

    def _judged(self, asked: _Request, answer: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        """(what became of it, the patch)"""
        if asked.operation != "CREATE" or asked.kind.kind != "Pod" or asked.kind.group or asked.sub_resource:
            return "not ours", []
        try:
            tree = _POD.decode(asked.object)
            pod = msgspec.structs.replace(tree.flatten(), namespace=asked.namespace or tree.metadata.namespace)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as wrong:
            answer["warnings"] = [f"trimtab could not read the pod and leaves it alone: {wrong}"[:240]]
            return "unreadable", []
        if pod.node_name or pod.namespace in NAMESPACES_LEFT_ALONE or pod.priority_class in CRITICAL:
            return "left alone", []
        try:
            gates = [gate for gate in self._gates_for(pod) if gate not in pod.gates]
        except Exception:  # noqa: BLE001 - whatever it is, the pod must come through
            metrics.INTERNAL_FAULTS.labels("webhook").inc()
            _LOG.exception("internal fault while gates were chosen; the pod is left alone")
            return "fault", []
        if not gates:
            return "not gated", []
        return "gated", _patch(gates, has_gates=bool(pod.gates))


def _patch(gates: Sequence[str], *, has_gates: bool) -> list[dict[str, Any]]:
    where = "/spec/schedulingGates"
    if has_gates:
        return [{"op": "add", "path": f"{where}/-", "value": {"name": gate}} for gate in gates]
    return [{"op": "add", "path": where, "value": [{"name": gate} for gate in gates]}]


def _base64(patch: list[dict[str, Any]]) -> str:
    return base64.b64encode(msgspec.json.encode(patch)).decode()


def _refused(request: Request, status: HTTPStatus, message: str) -> Response:
    metrics.WEBHOOK_REVIEWS.labels("malformed").inc()
    reason = "TooLarge" if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "Malformed"
    return error_response(request, Refused(status, reason, message))
