"""The extender as its admin port tells: ready or not, its policy, what is out, how far behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

ANSWER_WITHIN_S: Final = 2.0
BODY_BYTES_MAX: Final = 16 << 20
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Chain:
    """`asked` is False where there is no extender to ask; then nothing else is known."""

    asked: bool = False
    reachable: bool = False
    ready: bool = False
    trouble: str = ""
    """Why it is not reachable, or the checks of /readyz that fail."""
    revision: str = ""
    source: str = ""
    refused: str = ""
    """Why a newer policy text is not in effect."""
    leads: bool = True
    breakers: tuple[Mapping[str, Any], ...] = ()
    """Open ones: plugin, state, lastError."""
    lags_s: Mapping[str, float] = field(default_factory=dict)
    """Resource -> seconds since its watch last said anything, bookmarks included."""
    journal_trouble: str = ""


def ask(url: str) -> Chain:
    """Never raises: what does not answer is told. An empty `url`: there is nobody to ask."""
    if not url:
        return Chain()
    try:
        with httpx.Client(timeout=ANSWER_WITHIN_S, trust_env=False) as client:
            ready = client.get(f"{url.rstrip('/')}/readyz?verbose")
            told = client.get(f"{url.rstrip('/')}/configz")
        body = told.json() if told.status_code == _OK and len(told.content) <= BODY_BYTES_MAX else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as why:
        return Chain(asked=True, trouble=f"{url} does not answer: {why or type(why).__name__}")
    if not isinstance(body, dict):
        return Chain(asked=True, trouble=f"{url}/configz answers HTTP {told.status_code} and no description of itself")
    well = ready.status_code == _OK
    return Chain(
        asked=True,
        reachable=True,
        ready=well,
        trouble="" if well else _failing(ready.text),
        revision=str(body.get("revision") or ""),
        source=str(body.get("source") or ""),
        refused=str(_part(body, "desired").get("error") or ""),
        leads=bool(_part(body, "leader").get("leads", True)),
        breakers=tuple(each for each in _rows(body.get("breakers")) if each.get("state") != "closed"),
        lags_s={str(row.get("resource")): _lag_s(row) for row in _rows(_part(body, "cluster").get("resources"))},
        journal_trouble=str(_part(body, "journal").get("trouble") or ""),
    )


def _failing(text: str) -> str:
    """The lines of a verbose health answer that begin with [-]."""
    failed = [line.removeprefix("[-]").strip() for line in text.splitlines() if line.startswith("[-]")]
    return "; ".join(failed)[:500] or "it is not ready and does not say why"


def _part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _lag_s(row: Mapping[str, Any]) -> float:
    """A kind that the cluster does not serve has nothing to be late with."""
    lag = row.get("lag_s")
    return float(lag) if isinstance(lag, int | float) and row.get("present", True) else 0.0
