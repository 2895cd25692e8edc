"""Do the clocks agree: ours, the API server's, the extender's? Leases and time boxes stand on them."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import httpx

from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.scene import Scene
from extender.kube import KubeError

SAY = Findings("clock")
# A Date header has whole seconds, and the answer takes a moment.
BEARABLE_S = 2.0
WRONG_S = 30.0


async def clock(scene: Scene) -> list[Finding]:
    ahead: dict[str, float] = {}
    if scene.api is not None:
        try:
            answer = await scene.api.request("GET", "/version")
            _note(ahead, "the API server", answer.headers.get("date"))
        except KubeError:
            pass  # told by another check
    try:
        told = await scene.http.get(f"{scene.where.target.admin}/livez")
        _note(ahead, "the extender", told.headers.get("date"))
    except (httpx.HTTPError, httpx.InvalidURL):
        pass  # as above
    return judged(ahead)


def _note(ahead: dict[str, float], who: str, header: str | None) -> None:
    """How many seconds a clock is ahead of ours."""
    try:
        stamp = parsedate_to_datetime(header or "").timestamp()
    except (TypeError, ValueError):
        return
    # The header names the second that is running: in the middle of it, the guess is off by half a second at most.
    ahead[who] = stamp + 0.5 - time.time()


def judged(ahead: dict[str, float]) -> list[Finding]:
    """`ahead`: of our own clock, in seconds."""
    if not ahead:
        return [SAY.skip("nobody told the time", "see the lines of api and extender")]
    found = []
    names = list(ahead)
    pairs = [(who, "this machine", by) for who, by in ahead.items()]
    if len(names) > 1:
        pairs.append((names[1], names[0], ahead[names[1]] - ahead[names[0]]))
    for who, whom, by in pairs:
        told = f"the clock of {who} is {abs(by):.0f} s {'ahead of' if by > 0 else 'behind'} that of {whom}"
        if abs(by) > WRONG_S:
            found.append(SAY.fail(told, "set the clocks by NTP: time boxes and leases go by them"))
        elif abs(by) > BEARABLE_S:
            found.append(SAY.warn(told, "set the clocks by NTP"))
    return found or [SAY.ok(f"the clocks of {' and '.join(names)} agree with this machine's")]
