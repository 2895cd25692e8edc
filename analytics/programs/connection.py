"""R-311: does the API server answer, and how fast?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from analytics.programs.program import NO, OK, CannotAnswer
from extender.kube import KubeApi, KubeError

TIMES: Final = 5
WITHIN_S: Final = 5.0
PATH: Final = "/version"
_REFUSED: Final = (401, 403)
_SERVER_FAULT: Final = 500


@dataclass(frozen=True, slots=True)
class Answered:
    server: str
    status: int
    version: str
    round_trips_ms: tuple[float, ...]
    """The first one makes the connection."""

    @property
    def well(self) -> bool:
        """Who refuses us answers, too."""
        return self.status < _SERVER_FAULT

    def told(self) -> dict[str, Any]:
        first, *others = self.round_trips_ms
        return {
            "api_server": self.server,
            "status": self.status,
            "version": self.version,
            "connect_and_first_ms": round(first, 2),
            "round_trip_ms": {
                "min": round(min(others), 2),
                "average": round(sum(others) / len(others), 2),
                "max": round(max(others), 2),
            },
        }


def test_connection(url: str, kubeconfig: str | None) -> Answered:
    """Of `url`, else of the server that the kubeconfig or this pod names. Raises CannotAnswer."""
    return _of_url(url) if url else asyncio.run(_of_kubeconfig(kubeconfig))


def lines_of(answered: Answered) -> list[str]:
    told = answered.told()
    trips = told["round_trip_ms"]
    said = {True: "answers", False: "answers with a fault of its own"}[answered.well]
    if answered.status in _REFUSED:
        said = "answers, and knows nobody without credentials (give --kubeconfig)"
    best = f"{trips['min']} ms at best, {trips['average']} ms on average, {trips['max']} ms at worst"
    return [
        f"API server {answered.server} {said}: HTTP {answered.status}"
        + (f", version {answered.version}" if answered.version else ""),
        f"connection and first answer: {told['connect_and_first_ms']} ms",
        f"round trip over the open connection, {TIMES - 1} times: {best}",
    ]


def code_of(answered: Answered) -> int:
    return OK if answered.well else NO


def _of_url(url: str) -> Answered:
    trips = []
    try:
        with httpx.Client(timeout=WITHIN_S, trust_env=False) as client:
            for _ in range(TIMES):
                began = time.perf_counter()
                answer = client.get(f"{url.rstrip('/')}{PATH}")
                trips.append((time.perf_counter() - began) * 1000)
    except (httpx.HTTPError, httpx.InvalidURL) as why:
        hint = (
            "its certificate is not one that this machine trusts: leave --api-server out and give --kubeconfig, which "
            "names the authority"
            if "CERTIFICATE_VERIFY_FAILED" in str(why)
            else "see that the address is right and that nothing between filters it"
        )
        raise CannotAnswer(f"the API server {url} cannot be reached ({why or type(why).__name__}): {hint}") from why
    return Answered(url, answer.status_code, _version(answer), tuple(trips))


async def _of_kubeconfig(kubeconfig: str | None) -> Answered:
    trips = []
    try:
        api = await KubeApi.connect(kubeconfig)
    except KubeError as why:
        raise CannotAnswer(f"{why}; or name the server with --api-server") from why
    try:
        for _ in range(TIMES):
            began = time.perf_counter()
            answer = await api.request("GET", PATH, timeout_s=WITHIN_S)
            trips.append((time.perf_counter() - began) * 1000)
    except KubeError as why:
        raise CannotAnswer(f"the API server {api.server} cannot be reached: {why}") from why
    finally:
        await api.close()
    return Answered(
        api.server, answer.status, _version(httpx.Response(answer.status, content=answer.body)), tuple(trips)
    )


def _version(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return ""
    return str(body.get("gitVersion", "")) if isinstance(body, Mapping) else ""
