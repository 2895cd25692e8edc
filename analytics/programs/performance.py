"""performance-analyzer: `--metrics` prints an analysis of these measures in depth (R-159, R-305)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from analytics.programs.analyzer import TimeRangeType
from analytics.programs.ask import ask
from analytics.programs.program import OK, given_by_hand
from analytics.programs.source import source_flags, source_of

MEASURES: Final = ("latency", "throughput", "success_rate")
METRICS: Final[Mapping[str, tuple[str, ...]]] = {"latency": ("latency", "latency_p99", "extender_p99")}
"""Measure -> what is told of it in lists; of the others only themselves."""
PATH: Final = "/api/analysis"


class MeasuresType(click.ParamType[tuple[str, ...]]):
    """Names joined by commas."""

    name = "MEASURES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        named = tuple(word.strip() for word in str(value).split(",") if word.strip())
        unknown = [word for word in named if word not in MEASURES]
        if unknown or not named:
            self.fail(f"{value!r} does not name some of {','.join(MEASURES)}", param, ctx)
        return named


def flags() -> list[click.Option]:
    return [
        click.Option(["--metrics", "measures"], type=MeasuresType(), help="Analyze these measures, print, and end."),
        click.Option(["--time-range"], type=TimeRangeType(), help="How far back it looks. [default: 24h]"),
        click.Option(["--output"], type=click.Choice(("text", "json")), help="[default: text]"),
        *source_flags(),
    ]


def once(ctx: click.Context, given: Mapping[str, Any]) -> int | None:
    measures = given["measures"]
    if measures is None:
        if any(given_by_hand(ctx, name) for name in ("time_range", "output")):
            raise click.UsageError("--time-range and --output belong to --metrics")
        return None
    end = int(time.time() * 1_000_000)
    start = end - (given["time_range"] or 86_400) * 1_000_000
    with source_of(ctx, given) as source:
        told = ask(source, PATH, start=start, end=end)
    if given["output"] == "json":
        click.echo(json.dumps(chosen(told, measures), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines_of(told, measures)))
    return OK


def chosen(told: Mapping[str, Any], measures: Sequence[str]) -> dict[str, Any]:
    """What the answer holds about these measures."""
    keys = {"latency": "latency_ms", "throughput": "throughput_pods_per_second", "success_rate": "success_rate"}
    kept = {keys[measure]: told.get(keys[measure]) for measure in measures}
    lists = {
        name: [each for measure in measures for each in _about(told, name, measure)]
        for name in ("trends", "forecast", "anomalies", "change_points", "forecast_quality")
    }
    return {"time_range": told["time_range"], **kept, **lists, "recommendations": told.get("recommendations") or []}


def lines_of(told: Mapping[str, Any], measures: Sequence[str]) -> Iterator[str]:
    span = told["time_range"]
    yield f"Performance from {span['start'][:19]}Z to {span['end'][:19]}Z"
    for measure in measures:
        yield ""
        yield _figure(told, measure)
        yield from _depth(told, measure)
    recommendations = told.get("recommendations") or []
    yield ""
    yield f"Recommendations: {len(recommendations) or 'none'}"
    for each in recommendations:
        yield f"  [{each['severity']}] {each['title']}"
        yield f"      {each['detail']}"


def _depth(told: Mapping[str, Any], measure: str) -> Iterator[str]:
    """Trends, where the forecast ends and how sure it is, anomalies, and changes with their revisions."""
    for trend in _about(told, "trends", measure):
        sure = f" (p {trend['p_value']:.2g})" if "p_value" in trend else ""
        yield f"  {_of(trend, measure)}trend: {trend['direction']}, {trend['change_per_hour']:+.4g} per hour{sure}"
    errors = {each["metric"]: each["error_ratio"] for each in _about(told, "forecast_quality", measure)}
    for last in {each["metric"]: each for each in _about(told, "forecast", measure)}.values():
        span_of = f"between {last['low']:.4g} and {last['high']:.4g}"
        error = errors.get(last["metric"])
        wrong = "" if error is None else f"; median error of the back-test {100 * error:.1f} %"
        yield f"  {_of(last, measure)}forecast for {last['time'][:19]}Z: {last['value']:.4g}, {span_of}{wrong}"
    anomalies = [each for each in _about(told, "anomalies", measure) if not each.get("change")]
    yield f"  anomalies: {len(anomalies)}"
    for each in anomalies:
        yield (
            f"    {each['time'][:19]}Z [{each['severity']}] {_of(each, measure)}{each['value']:.4g} where "
            f"{each['expected']:.4g} was expected"
        )
    for each in _about(told, "change_points", measure):
        yield f"  change: {each['sentence']}"


def _of(each: Mapping[str, Any], measure: str) -> str:
    """Which one, where it is not the measure itself."""
    return "" if each["metric"] == measure else f"{each['metric']} "


def _about(told: Mapping[str, Any], name: str, measure: str) -> Iterator[Mapping[str, Any]]:
    metrics = METRICS.get(measure, (measure,))
    yield from (each for each in told.get(name) or () if each.get("metric") in metrics)


def _figure(told: Mapping[str, Any], measure: str) -> str:
    if measure == "latency":
        shown = [
            f"{name} {value:.2f} ms" for name, value in (told.get("latency_ms") or {}).items() if value is not None
        ]
        return f"Latency: {', '.join(shown) or 'no pod was scheduled'}"
    if measure == "throughput":
        value = told.get("throughput_pods_per_second")
        return f"Throughput: {'unknown' if value is None else f'{value:.2f} pods/s'}"
    value = told.get("success_rate")
    return f"Success rate: {'nothing was decided' if value is None else f'{100 * value:.2f} %'}"
