"""scheduler-analyzer: its flags (R-172), and the lines that its answers are printed in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from analytics.programs import connection
from analytics.programs.program import NO, OK, given_by_hand
from analytics.programs.source import Console, source_flags, source_of
from analytics.store.joined import rfc3339
from analytics.views.analyzer.analyzer import MEASURES, TYPES, SchedulerAnalyzer
from analytics.views.sources import Sources

OUTPUTS: Final = ("summary", "detailed", "json")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_S: Final = 366 * 86_400


class TimeRangeType(click.ParamType[int]):
    """A length of time that ends now, in seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value)
        digits, unit = text[:-1], text[-1:]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 6 and unit in _SECONDS):  # noqa: PLR2004
            self.fail(f"{text!r} is not a duration such as 30m, 1h or 7d", param, ctx)
        seconds = int(digits) * _SECONDS[unit]
        if not 1 <= seconds <= LONGEST_S:
            self.fail(f"{text!r} is not between 1s and 366d", param, ctx)
        return seconds


def flags() -> list[click.Option]:
    return [
        click.Option(
            ["--scheduler-name", "--scheduler", "scheduler"],
            multiple=True,
            envvar="TRIMTAB_SCHEDULER",
            show_envvar=True,
            help="Which scheduler; several may be given to a server.",
        ),
        click.Option(["--analysis-type"], type=click.Choice(TYPES), help="Analyze, print, and end."),
        click.Option(["--focus"], type=click.Choice(TYPES), help="The same, under the manual's other name."),
        click.Option(["--time-range"], type=TimeRangeType(), help="How far back an analysis looks. [default: 24h]"),
        click.Option(["--output"], type=click.Choice(OUTPUTS), help="How much of it is printed. [default: summary]"),
        click.Option(["--health-check"], is_flag=True, help="Tell the scheduler's health, and end: 0 healthy, 1 not."),
        click.Option(["--test-connection"], is_flag=True, help="Tell whether the API server answers, and end."),
        click.Option(["--api-server"], default="", help="Address of the API server for --test-connection."),
        *source_flags(),
    ]


def once(ctx: click.Context, given: Mapping[str, Any]) -> int | None:
    asked = [
        flag
        for flag, wanted in (
            ("--health-check", given["health_check"]),
            ("--test-connection", given["test_connection"]),
            ("--analysis-type", given["analysis_type"] or given["focus"]),
        )
        if wanted
    ]
    if len(asked) > 1:
        raise click.UsageError(f"{' and '.join(asked)}: one answer at a time")
    if given["api_server"] and not given["test_connection"]:
        raise click.UsageError("--api-server belongs to --test-connection")
    if given["analysis_type"] and given["focus"] and given["analysis_type"] != given["focus"]:
        raise click.UsageError("--focus and --analysis-type name different things")
    if given["test_connection"]:
        return _connection(given)
    if given["health_check"]:
        with source_of(ctx, given) as source:
            return _health(source, given)
    if asked or any(given_by_hand(ctx, name) for name in ("time_range", "output")):
        with source_of(ctx, given) as source:
            return _analysis(source, given)
    return None


def _connection(given: Mapping[str, Any]) -> int:
    answered = connection.test_connection(given["api_server"], given["kubeconfig"])
    if given["output"] == "json":
        click.echo(json.dumps(answered.told(), indent=2))
    else:
        click.echo("\n".join(connection.lines_of(answered)))
    return connection.code_of(answered)


def _health(source: Console | Sources, given: Mapping[str, Any]) -> int:
    name = _name(given)
    told = (
        source.get("/api/analysis/health", scheduler=name)
        if isinstance(source, Console)
        else SchedulerAnalyzer(source, name).analyze_health()
    )
    if given["output"] == "json":
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo(f"{told['scheduler']} is {told['health']}")
        click.echo("\n".join(_checks(told)))
    return OK if told["health"] == "healthy" else NO


def _analysis(source: Console | Sources, given: Mapping[str, Any]) -> int:
    kind = given["analysis_type"] or given["focus"] or "performance"
    report = report_of(source, kind, _name(given), given["time_range"] or 86_400)
    if given["output"] == "json":
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines_of(report, detailed=given["output"] == "detailed")))
    return OK


def report_of(source: Console | Sources, kind: str, scheduler: str, seconds: int) -> dict[str, Any]:
    """What POST /api/analysis/run answers. Raises CannotAnswer, StoreError."""
    if isinstance(source, Sources):
        analyzer = SchedulerAnalyzer(source, scheduler)
        return analyzer.run(kind, analyzer.last(seconds))
    now_us = int(time.time() * 1_000_000)
    span = {"start": rfc3339(now_us - seconds * 1_000_000), "end": rfc3339(now_us)}
    answer: dict[str, Any] = source.post(
        "/api/analysis/run",
        {"scheduler": scheduler, "analysis_type": kind, "time_range": span, "metrics": list(MEASURES)},
    )
    return answer


def lines_of(report: Mapping[str, Any], *, detailed: bool) -> Iterator[str]:
    """The report as text; its type's own part first."""
    kind = report["analysis_type"]
    span = report["performance"]["time_range"]
    yield f"Scheduler {report['scheduler']}, {kind}, {span['start'][:19]}Z to {span['end'][:19]}Z"
    score = report["score"]["value"]
    yield f"Score: {'unknown, nothing was decided' if score is None else f'{score:.0f} of 100'}"
    yield from _performance(report["performance"])
    parts = {
        "performance": _bottlenecks,
        "failures": _failures,
        "decisions": _paths,
        "utilization": _utilization,
    }
    shown = [kind, *(name for name in parts if name != kind)] if detailed else [kind]
    for name in shown:
        yield ""
        yield from parts[name](report)
    yield ""
    yield from _findings(report["findings"], detailed=detailed)
    if detailed:
        yield ""
        yield f"Health: {report['health']['health']}"
        yield from _checks(report["health"])


def _performance(told: Mapping[str, Any]) -> Iterator[str]:
    if (average := told.get("average_latency_ms")) is not None:
        p95 = told["latency_ms"]["p95"]
        yield f"Average latency: {average:.2f} ms (p95 {p95:.2f} ms)"
    if (throughput := told.get("throughput_pods_per_second")) is not None:
        yield f"Throughput: {throughput:.2f} pods/s"
    if (rate := told.get("success_rate")) is not None:
        attempts = sum(told["attempts"].values())
        yield f"Success rate: {100 * rate:.2f} % of {attempts} attempts"


def _bottlenecks(report: Mapping[str, Any]) -> Iterator[str]:
    yield "Bottlenecks, from a pod's first attempt to its being bound:"
    for part in report["bottlenecks"]:
        yield f"  {100 * part['share']:6.2f} %  {part['average_ms']:10.2f} ms  {part['part']}: {part['what']}"
    if not report["bottlenecks"]:
        yield "  no pod was bound in this time"
    for phase in report["phases"]:
        yield f"  {phase['phase']}: {phase['calls']} calls, p50 {phase['p50_ms']:.2f} ms, p99 {phase['p99_ms']:.2f} ms"
    for plugin in report["plugins"]:
        spent = f"{plugin['total_ms']:.2f} ms in all, p95 {plugin['p95_ms']:.2f} ms"
        yield f"  {plugin['plugin']} in {plugin['phase']}: {spent}"


def _failures(report: Mapping[str, Any]) -> Iterator[str]:
    found = report["failures"]
    yield "Why attempts failed:"
    for row in found["reasons"]:
        yield f"  {row['attempts']:6} attempts  {row['plugin']}: {row['reason']} ({row['nodes']} nodes)"
    for row in found["errors"]:
        yield f"  {row['attempts']:6} attempts  error: {row['message'] or 'no message'}"
    if not found["reasons"] and not found["errors"]:
        yield "  no attempt failed for a reason that is recorded"
    if found["pods"]:
        yield "Pods that were not placed:"
    for row in found["pods"]:
        yield f"  {row['attempts']:6} attempts  {row['namespace']}/{row['pod']}, last {row['last'][:19]}Z"


def _paths(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"Decision paths: {len(report['decision_paths'])}"
    for path in report["decision_paths"]:
        way = f"{' > '.join(path['path'])}: {path['outcome']}"
        yield f"  {path['count']:6} ({100 * path['share']:.2f} %)  {way}, {path['average_latency_ms']:.2f} ms"


def _utilization(report: Mapping[str, Any]) -> Iterator[str]:
    use = report["utilization"]
    yield "Utilization:"
    if not use["known"]:
        yield f"  unknown: {use['why_not']}"
        return
    for name in ("cpu", "memory"):
        each = use[name]
        used = "not measured" if each["used"] is None else f"{each['used']} used"
        yield f"  {name}: {each['allocatable']} allocatable, {each['requested']} requested, {used}"
    if use["efficiency_percent"] is not None:
        yield f"  efficiency: {use['efficiency_percent']:.2f} % of what is requested is used"


def _findings(findings: list[dict[str, Any]], *, detailed: bool) -> Iterator[str]:
    yield f"Findings: {len(findings)}" if findings else "Findings: none"
    for finding in findings:
        yield f"  [{finding['severity']}] {finding['title']}"
        yield f"      {finding['detail']}"
        yield f"      What to do: {finding['remedy']}"
        if detailed and finding["evidence"]:
            yield f"      Evidence: {json.dumps(finding['evidence'], ensure_ascii=False)}"


def _checks(told: Mapping[str, Any]) -> Iterator[str]:
    for check in told["checks"]:
        yield f"  [{'ok' if check['ok'] else check['severity']}] {check['name']}: {check['detail']}"
        if not check["ok"]:
            yield f"      What to do: {check['remedy']}"


def _name(given: Mapping[str, Any]) -> str:
    names = given["scheduler"]
    if len(names) > 1:
        raise click.UsageError("--scheduler-name: an analysis is about one scheduler")
    return str(names[0]) if names else ""
