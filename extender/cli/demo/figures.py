"""What the running programs say about themselves, gathered for one frame of the screen."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import httpx

from extender.cli.demo.ports import Addresses

_TIMEOUT_S = 1.0
_OK = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at everything. What could not be had is empty."""

    nodes: int = 0
    nodes_out: int = 0
    pods: dict[str, int] = field(default_factory=dict)
    bound: int = 0
    waiting: int = 0
    per_second: float = 0.0
    p50_ms: dict[str, float] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    simulation: dict[str, int] = field(default_factory=dict)
    preemptions: int = 0
    revision: str = ""
    policy_error: str = ""
    skipped: tuple[str, ...] = ()
    """Plugins of the policy that do not count now, each with the reason."""


class Observer:
    """Asks the lab and the extender's admin port."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._client = httpx.Client(trust_env=False, timeout=_TIMEOUT_S)

    def close(self) -> None:
        self._client.close()

    def ready(self) -> list[str]:
        """What is not ready yet, by name."""
        places = {
            "lab": f"http://{self._addresses.lab}/readyz",
            "extender": f"http://{self._addresses.admin}/readyz",
            "sidecar": f"http://{self._addresses.console}/health",
        }
        return [name for name, url in places.items() if not self._answers(url)]

    def look(self) -> Figures:
        lab = self._json(f"http://{self._addresses.lab}/lab/status")
        configz = self._json(f"http://{self._addresses.admin}/configz")
        scheduler = lab.get("scheduler") or {}
        desired = configz.get("desired") or {}
        latencies = scheduler.get("latency_ms") or {}
        return Figures(
            nodes=lab.get("nodes", {}).get("total", 0),
            nodes_out=lab.get("nodes", {}).get("out", 0),
            pods=lab.get("pods", {}),
            bound=scheduler.get("bound", 0),
            waiting=scheduler.get("waiting", 0),
            per_second=scheduler.get("per_second", 0.0),
            p50_ms={verb: found["p50"] for verb, found in latencies.items()},
            rejected=scheduler.get("rejected_nodes", {}),
            errors=scheduler.get("last_errors", []),
            simulation=lab.get("simulation", {}),
            preemptions=scheduler.get("preemptions", 0),
            revision=str(configz.get("revision") or ""),
            policy_error=_text(desired.get("error")),
            skipped=tuple(
                f"{seat['name']} ({seat['skippedNow']})"
                for seat in configz.get("plugins") or ()
                if seat.get("skippedNow")
            ),
        )

    def _answers(self, url: str) -> bool:
        try:
            return self._client.get(url).status_code == _OK
        except httpx.HTTPError:
            return False

    def _json(self, url: str) -> dict[str, Any]:
        """A frame with a gap is better than no frame: what cannot be had now is shown as nothing."""
        with contextlib.suppress(httpx.HTTPError, ValueError):
            answer = self._client.get(url)
            tree = answer.json() if answer.status_code == _OK else None
            if isinstance(tree, dict):
                return tree
        return {}


def _text(error: object) -> str:
    if not error:
        return ""
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, dict):
        return " ".join(str(error[key]) for key in ("path", "message", "hint") if error.get(key))
    return str(error)
