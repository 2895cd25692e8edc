"""Node load out of Prometheus: four instant queries, each on its own.

A query that fails leaves the answer of its last success in use until that is too old; the others go on. A deviation
without its average is left out: it would make the node look idle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from extender.cluster.load_fetch import Had, Unavailable, fetch, http_url
from extender.cluster.readings import Reading, Readings, percent_of
from extender.cluster.resource import UNREADABLE
from extender.cluster.secrets import Unlock
from extender.model.load_source import LoadSource
from extender.model.prometheus import (
    ADDRESS,
    CPU_AVG,
    CPU_STD,
    MEMORY_AVG,
    MEMORY_STD,
    QUERY_NAMES,
    PrometheusOptions,
)

_SERIES_PER_STEP = 64


@dataclass(frozen=True, slots=True)
class _Answer:
    at_s: float
    percent: Mapping[str, float]


class _Series(msgspec.Struct, gc=False):
    metric: dict[str, str]
    value: tuple[Any, str]


class _Data(msgspec.Struct, rename="camel", gc=False):
    result_type: str = ""
    result: list[msgspec.Raw] = []


class _Body(msgspec.Struct, gc=False):
    status: str = ""
    data: _Data | None = None
    error: str = ""


class PrometheusFeed:
    def __init__(
        self,
        source: LoadSource,
        options: PrometheusOptions,
        clock: Callable[[], float],
        stale_s: float,
        unlock: Unlock,
    ) -> None:
        """Raises ValueError."""
        base = http_url(source.address or ADDRESS, "a Prometheus server", ADDRESS)
        self._url = base / "api" / "v1" / "query"
        self._source = source
        self._options = options
        self._clock = clock
        self._stale_s = stale_s
        self._unlock = unlock
        self._last: dict[str, _Answer] = {}

    async def poll(self) -> Had:
        """Raises Unavailable if no query was answered."""
        headers = await self._headers()
        asked = {name: query for name, query in self._options.queries.items() if query}
        answers = await asyncio.gather(*(self._ask(name, query, headers) for name, query in asked.items()))
        troubles = tuple(answer for answer in answers if isinstance(answer, Unavailable))
        if troubles and len(troubles) == len(asked):
            raise troubles[0]
        for name, answer in zip(asked, answers, strict=True):
            if not isinstance(answer, Unavailable):
                self._last[name] = answer
        return Had(self._merged(), troubles)

    async def _headers(self) -> dict[str, str]:
        token = self._source.token
        if self._source.token_in is not None:
            token = await self._unlock(self._source.token_in)
        elif self._source.token_file:
            try:
                token = (await asyncio.to_thread(Path(self._source.token_file).read_text)).strip()
            except (OSError, UnicodeDecodeError) as trouble:
                raise Unavailable("file", f"{self._source.token_file}: {trouble}") from trouble
        if not token.isascii() or not token.isprintable():
            raise Unavailable("file", "the bearer token for Prometheus is no line of printable ASCII")
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def _ask(self, name: str, query: str, headers: Mapping[str, str]) -> _Answer | Unavailable:
        try:
            raw = await fetch(self._url.with_query({"query": query}), headers, insecure=self._source.insecure)
            return _Answer(self._clock(), await _percent_by_node(raw, self._options.label))
        except Unavailable as trouble:
            return Unavailable(trouble.cause, f"query {name}: {trouble}")
        except UNREADABLE as trouble:
            return Unavailable("document", f"query {name}: no answer of Prometheus: {trouble}")

    def _merged(self) -> Readings:
        now_s = self._clock()
        fresh = {name: answer for name, answer in self._last.items() if now_s - answer.at_s <= self._stale_s}
        told = {name: fresh[name].percent if name in fresh else {} for name in QUERY_NAMES}
        nodes = {}
        for node in {**told[CPU_AVG], **told[MEMORY_AVG]}:
            cpu, memory = told[CPU_AVG].get(node), told[MEMORY_AVG].get(node)
            cpu_std = None if cpu is None else told[CPU_STD].get(node, 0.0)
            memory_std = None if memory is None else told[MEMORY_STD].get(node, 0.0)
            nodes[node] = Reading(cpu, cpu, cpu, cpu_std, memory, memory, memory_std)
        return Readings(int(fresh[CPU_AVG].at_s if CPU_AVG in fresh else now_s), nodes)


async def _percent_by_node(raw: bytes, label: str) -> dict[str, float]:
    """Node -> percent. Raises Unavailable or one of UNREADABLE."""
    body = msgspec.json.decode(raw, type=_Body)
    if body.status != "success" or body.data is None:
        raise Unavailable("query", body.error or "refused without a reason")
    if body.data.result_type != "vector":
        raise Unavailable("query", f"it answers a {body.data.result_type or 'nothing'}, not an instant vector")
    found: dict[str, float] = {}
    for count, entry in enumerate(body.data.result, 1):
        series = msgspec.json.decode(entry, type=_Series)
        node, share = series.metric.get(label), percent_of(float(series.value[1]) * 100)
        if node and share is not None:
            found[node] = share
        if count % _SERIES_PER_STEP == 0:
            await asyncio.sleep(0)
    return found
