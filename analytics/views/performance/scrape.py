"""kube-scheduler's own metrics: asked for once a minute, counters as what came to them since.

What a counter lost (kube-scheduler started anew) counts from nothing: what it shows is what came.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import orjson
from prometheus_client.parser import text_string_to_metric_families

from analytics.store.tables import SampleRow
from analytics.views.performance.measures import SCHEDULER
from analytics.views.sources import ToolSettings

GAUGES: Final = ("scheduler_pending_pods",)
COUNTERS: Final = ("scheduler_schedule_attempts",)
HISTOGRAMS: Final = (
    "scheduler_scheduling_attempt_duration_seconds",
    "scheduler_pod_scheduling_sli_duration_seconds",
    "scheduler_framework_extension_point_duration_seconds",
)
ANSWER_WITHIN_S: Final = 10.0
BODY_BYTES_MAX: Final = 32 << 20
FORGOTTEN_US: Final = 5 * 60_000_000
"""After so long what came since cannot be said to have come in one minute."""
SERIES_MAX: Final = 2000
"""Of one metric; kube-scheduler has some hundred."""
_OK: Final = 200
_REFUSED: Final = (401, 403)

Key = tuple[str, str, float]
"""Metric, labels as JSON, upper bound of the bucket (0: none)."""


class CannotLook(Exception):
    """The metrics cannot be had. The text says why, and what to do."""


def fetch(settings: ToolSettings) -> str:
    """The text of `settings.scheduler_metrics`. Raises CannotLook."""
    url = settings.scheduler_metrics
    try:
        token = _read(settings.scheduler_metrics_token)
        # A file that changes is read again: certificates and tokens of pods do.
        ca = settings.scheduler_metrics_ca
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca)) if ca else True
    except (OSError, ValueError) as why:
        raise CannotLook(f"{url}: {why}") from why
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        with (
            httpx.Client(timeout=ANSWER_WITHIN_S, trust_env=False, verify=verify) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            if answer.status_code in _REFUSED:
                raise CannotLook(
                    f"{url}: HTTP {answer.status_code}: its reader needs the right to get the URL /metrics; "
                    "give its token with --scheduler-metrics-token-file"
                )
            if answer.status_code != _OK:
                raise CannotLook(f"{url}: HTTP {answer.status_code}: is it the metrics of a kube-scheduler?")
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise CannotLook(f"{url}: the answer is longer than {BODY_BYTES_MAX >> 20} MiB")
            return body.decode()
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeDecodeError) as why:
        advice = " (name its certificate with --scheduler-metrics-ca-file)" if "CERTIFICATE" in str(why) else ""
        raise CannotLook(f"{url}: {why or type(why).__name__}{advice}") from why


@dataclass(slots=True)
class Taken:
    """One look: gauges, and counters as they stand."""

    at_us: int
    gauges: dict[Key, float] = field(default_factory=dict)
    counters: dict[Key, float] = field(default_factory=dict)


def taken(text: str, at_us: int) -> Taken:
    """The metrics that are kept. Raises CannotLook for a text that is no Prometheus exposition."""
    found = Taken(at_us)
    try:
        for family in text_string_to_metric_families(text):
            if family.name in GAUGES:
                _keep(found.gauges, ((family.name, sample.labels, sample.value) for sample in family.samples))
            elif family.name in COUNTERS:
                samples = ((f"{family.name}_total", sample.labels, sample.value) for sample in family.samples)
                _keep(found.counters, samples)
            elif family.name in HISTOGRAMS:
                # The count is that of the bucket without a bound.
                kept = (s for s in family.samples if s.name.endswith(("_bucket", "_sum")))
                _keep(found.counters, ((s.name, s.labels, s.value) for s in kept))
    except (ValueError, KeyError, IndexError) as why:
        raise CannotLook(f"not the text of metrics: {why}") from why
    return found


def samples(now: Taken, before: Taken | None) -> Iterator[SampleRow]:
    """What is stored of a look: gauges, and what came to counters since the look before, if it was not long ago."""
    minute_us = now.at_us - now.at_us % 60_000_000
    for (name, labels, _), value in now.gauges.items():
        yield SampleRow(minute_us, SCHEDULER, name, labels, 0.0, value)
    if before is None or now.at_us - before.at_us > FORGOTTEN_US:
        return
    came = {key: value - before.counters.get(key, 0.0) for key, value in now.counters.items()}
    if _began_anew(now, before):
        came = dict(now.counters)
    for (name, labels, upper), value in _apart(came).items():
        if value > 0:
            yield SampleRow(minute_us, SCHEDULER, name, labels, upper, value)


def _began_anew(now: Taken, before: Taken) -> bool:
    """Counters only rise: one that fell, or is gone, tells that the process is another one."""
    return any(now.counters.get(key, 0.0) < value for key, value in before.counters.items())


def _apart(came: Mapping[Key, float]) -> dict[Key, float]:
    """Buckets hold all below their bound: what is in each alone."""
    found = {key: value for key, value in came.items() if not key[0].endswith("_bucket")}
    buckets: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for (name, labels, upper), value in came.items():
        if name.endswith("_bucket"):
            buckets.setdefault((name, labels), []).append((upper, value))
    for (name, labels), bounds in buckets.items():
        below = 0.0
        for upper, value in sorted(bounds):
            found[name, labels, upper] = value - below
            below = value
    return found


def _keep(into: dict[Key, float], samples: Iterator[tuple[str, Mapping[str, str], float]]) -> None:
    for name, labels, value in samples:
        upper = float(labels["le"]) if "le" in labels else 0.0
        rest = orjson.dumps(
            {key: label for key, label in labels.items() if key != "le"}, option=orjson.OPT_SORT_KEYS
        ).decode()
        if math.isfinite(value) and len(into) < SERIES_MAX:
            into[name, rest, upper] = into.get((name, rest, upper), 0.0) + value


def _read(path: Path | None) -> str:
    return path.read_text("utf-8").strip() if path else ""


def quantile(buckets: Mapping[float, float], q: float) -> float | None:
    """Of a classic histogram: upper bound -> how many are in the bucket alone; linear within it, as PromQL's
    histogram_quantile. None: nothing was counted. Beyond the last bound, that bound."""
    total = sum(buckets.values())
    if total <= 0:
        return None
    rank, below, lower = q * total, 0.0, 0.0
    for upper, n in sorted(buckets.items()):
        if below + n >= rank and n > 0:
            return lower if math.isinf(upper) else lower + (upper - lower) * (rank - below) / n
        below += n
        lower = lower if math.isinf(upper) else upper
    return lower
