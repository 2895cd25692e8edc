"""What nodes really use: load-watcher or Prometheus where an operator names one, else the metrics API.

    metrics.k8s.io     usage of each node, as metrics-server measured it last
    Prometheus         1 - idle CPU over five minutes, 1 - MemAvailable / MemTotal (node_exporter), by node
    load-watcher       the newest Average (else Latest) of CPU and Memory in percent

Shares become amounts by the node's allocatable, so that all sources say the same kind of number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

from analytics.cluster.view import Usage
from extender.kube import KubeApi, KubeError
from extender.model.node import Node
from extender.quantity import QuantityError, milli, value

ANSWER_WITHIN_S: Final = 10.0
METRICS_PATH: Final = "/apis/metrics.k8s.io/v1beta1/nodes"
POD_METRICS_PATH: Final = "/apis/metrics.k8s.io/v1beta1/pods"
QUERIES: Final = {
    "cpu": '1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
    "memory": "1 - avg by (node) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
}
_OK: Final = 200
_PREFERRED: Final = ("Average", "AVG", "Latest", "")


class NoUsage(Exception):
    """It cannot be had now; the text says why."""


class _Item(msgspec.Struct, gc=False):
    metadata: dict[str, Any]
    usage: dict[str, str] | None = None


class _Items(msgspec.Struct, gc=False):
    items: list[_Item] = []


async def from_metrics_api(api: KubeApi) -> dict[str, Usage]:
    """Raises NoUsage."""
    try:
        answer = await api.request("GET", METRICS_PATH, timeout_s=ANSWER_WITHIN_S)
    except KubeError as trouble:
        raise NoUsage(str(trouble)) from trouble
    if answer.status != _OK:
        raise NoUsage(
            f"GET {METRICS_PATH}: {answer.status}: install metrics-server, or name --prometheus or --load-watcher"
        )
    try:
        items = msgspec.json.decode(answer.body, type=_Items).items
    except (msgspec.DecodeError, RecursionError) as odd:
        raise NoUsage(f"GET {METRICS_PATH}: not a list of node metrics: {odd}") from odd
    now_us = time.time_ns() // 1000
    found: dict[str, Usage] = {}
    for item in items:
        amounts = item.usage or {}
        try:
            used = Usage(now_us, milli(amounts["cpu"]), value(amounts["memory"]))
        except (QuantityError, KeyError, TypeError):
            continue  # a node that is measured in part is not measured
        found[str(item.metadata.get("name", ""))] = used
    return found


class _Container(msgspec.Struct, gc=False):
    usage: dict[str, str] | None = None


class _PodItem(msgspec.Struct, gc=False):
    metadata: dict[str, Any]
    containers: list[_Container] | None = None


class _PodItems(msgspec.Struct, gc=False):
    items: list[_PodItem] = []


async def by_namespace(api: KubeApi) -> dict[str, Usage]:
    """What the pods of each namespace use together. Raises NoUsage."""
    try:
        answer = await api.request("GET", POD_METRICS_PATH, timeout_s=ANSWER_WITHIN_S)
    except KubeError as trouble:
        raise NoUsage(str(trouble)) from trouble
    if answer.status != _OK:
        raise NoUsage(f"GET {POD_METRICS_PATH}: {answer.status}")
    # A large cluster has many: the event loop has other things to do.
    return await asyncio.to_thread(_summed, answer.body)


def _summed(body: bytes) -> dict[str, Usage]:
    try:
        items = msgspec.json.decode(body, type=_PodItems).items
    except (msgspec.DecodeError, RecursionError) as odd:
        raise NoUsage(f"GET {POD_METRICS_PATH}: not a list of pod metrics: {odd}") from odd
    now_us = time.time_ns() // 1000
    cpu: dict[str, int] = {}
    memory: dict[str, int] = {}
    for item in items:
        namespace = item.metadata.get("namespace")
        used = [one.usage or {} for one in item.containers or ()]
        try:
            amounts = sum(milli(one["cpu"]) for one in used), sum(value(one["memory"]) for one in used)
        except (QuantityError, KeyError):
            continue  # a pod that is measured in part is not measured
        if isinstance(namespace, str):
            cpu[namespace] = cpu.get(namespace, 0) + amounts[0]
            memory[namespace] = memory.get(namespace, 0) + amounts[1]
    return {name: Usage(now_us, cpu[name], memory[name]) for name in cpu}


async def from_prometheus(client: httpx.AsyncClient, address: str, nodes: Mapping[str, Node]) -> dict[str, Usage]:
    """Raises NoUsage."""
    shares = await asyncio.gather(*(_query(client, address, query) for query in QUERIES.values()))
    return _amounts(nodes, *shares)


async def _query(client: httpx.AsyncClient, address: str, query: str) -> dict[str, float]:
    body = await _json(client, f"{address.rstrip('/')}/api/v1/query", {"query": query})
    result = (body.get("data") or {}).get("result") if body.get("status") == "success" else None
    if not isinstance(result, list):
        raise NoUsage(f"{address}: no vector came for {query!r}: {str(body.get('error', ''))[:200]}")
    found: dict[str, float] = {}
    for series in result:
        try:
            found[str(series["metric"]["node"])] = float(series["value"][1])
        except (KeyError, TypeError, ValueError, IndexError):
            continue
    return found


async def from_load_watcher(client: httpx.AsyncClient, address: str, nodes: Mapping[str, Node]) -> dict[str, Usage]:
    """Raises NoUsage."""
    base = address.rstrip("/")
    body = await _json(client, base if base.endswith("/watcher") else f"{base}/watcher", {})
    by_node = (body.get("data") or {}).get("NodeMetricsMap") if isinstance(body.get("data"), dict) else None
    if not isinstance(by_node, dict):
        raise NoUsage(f"{address}: its document has no data.NodeMetricsMap")
    cpu: dict[str, float] = {}
    memory: dict[str, float] = {}
    for name, told in by_node.items():
        metrics = told.get("metrics") if isinstance(told, dict) else None
        for kind, into in (("CPU", cpu), ("Memory", memory)):
            percent = _newest(metrics, kind)
            if percent is not None:
                into[name] = percent / 100
    return _amounts(nodes, cpu, memory)


def _newest(metrics: Any, kind: str) -> float | None:
    of_kind = {
        str(one.get("operator", "")): one.get("value")
        for one in (metrics if isinstance(metrics, list) else ())
        if isinstance(one, dict) and one.get("type") == kind
    }
    for operator in _PREFERRED:
        percent = of_kind.get(operator)
        if isinstance(percent, int | float):
            return float(percent)
    return None


def _amounts(nodes: Mapping[str, Node], cpu: Mapping[str, float], memory: Mapping[str, float]) -> dict[str, Usage]:
    """Shares, 0 to 1, of what each node can allocate."""
    now_us = time.time_ns() // 1000
    found: dict[str, Usage] = {}
    for name in cpu.keys() & memory.keys() & nodes.keys():
        offered = nodes[name].allocatable
        try:
            cores, bytes_ = milli(offered.get("cpu", 0)), value(offered.get("memory", 0))
            found[name] = Usage(now_us, round(cpu[name] * cores), round(memory[name] * bytes_))
        except (QuantityError, ValueError, OverflowError):
            continue
    return found


async def _json(client: httpx.AsyncClient, url: str, query: Mapping[str, str]) -> dict[str, Any]:
    try:
        answer = await client.get(url, params=dict(query))
        body = answer.json() if answer.status_code == _OK else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as trouble:
        raise NoUsage(f"GET {url}: {trouble or type(trouble).__name__}") from trouble
    if not isinstance(body, dict):
        raise NoUsage(f"GET {url}: {answer.status_code}, and no JSON object")
    return body
