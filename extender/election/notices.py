"""An event on the Lease whenever a replica begins or stops to lead (events.k8s.io/v1)."""

from __future__ import annotations

import logging
import secrets
from urllib.parse import quote

import msgspec

from extender.kube import KubeApi, KubeError
from extender.policy.events import CONTROLLER, INSTANCE_BYTES_MAX, NOTE_BYTES_MAX, micro_time, shortened

_OK_BELOW = 300
_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class Notices:
    def __init__(self, api: KubeApi, namespace: str, name: str, identity: str) -> None:
        self._api = api
        self._folder = f"/apis/events.k8s.io/v1/namespaces/{quote(namespace, safe='')}/events"
        self._namespace, self._name = namespace, name
        self._identity = identity

    async def tell(self, note: str, wall_s: float) -> None:
        """Never raises: an event that is refused is lost, and said in the log."""
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{self._name[:200]}.{secrets.token_hex(8)}", "namespace": self._namespace},
            "eventTime": micro_time(wall_s),
            "reportingController": CONTROLLER,
            "reportingInstance": shortened(self._identity, INSTANCE_BYTES_MAX),
            "action": "Election",
            "reason": "LeaderElection",
            "regarding": {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "namespace": self._namespace,
                "name": self._name,
            },
            "note": shortened(note, NOTE_BYTES_MAX),
            "type": "Normal",
        }
        try:
            answer = await self._api.request(
                "POST", self._folder, body=msgspec.json.encode(event), timeout_s=_TIMEOUT_S
            )
            trouble = f"{answer.status} {answer.message}" if answer.status >= _OK_BELOW else ""
        except KubeError as unreachable:
            trouble = str(unreachable)
        if trouble:
            log.warning("an event about the leader could not be written; grant create on events: %s", trouble)
