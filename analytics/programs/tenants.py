"""tenant-resource-manager: `--debug --tenant-id` looks at one tenant (R-118, R-309)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from analytics.programs.ask import ask
from analytics.programs.program import NO, OK, CannotAnswer
from analytics.programs.source import Missing, source_flags, source_of
from analytics.views.sources import Sources

RESOURCES: Final = ("cpu", "memory", "storage", "gpu", "pods")


def flags() -> list[click.Option]:
    return [
        click.Option(["--debug"], is_flag=True, help="Detailed log; with --tenant-id: look at one tenant, and end."),
        click.Option(["--tenant-id"], default="", help="Name of the tenant."),
        click.Option(["--output"], type=click.Choice(("text", "json")), default="text", help="[default: text]"),
        *source_flags(),
    ]


def once(ctx: click.Context, given: Mapping[str, Any]) -> int | None:
    tenant = given["tenant_id"]
    if not tenant:
        return None
    if not given["debug"]:
        raise click.UsageError("--tenant-id belongs to --debug")
    try:
        with source_of(ctx, given) as source:
            if isinstance(source, Sources) and not source.cluster.view().known:
                raise CannotAnswer(
                    "what a tenant uses is known from the cluster: name a running console with --server, or the "
                    "cluster with --kubeconfig"
                )
            quota = ask(source, "/api/tenants/{id}/quota", id=tenant)
            usage = ask(source, "/api/tenants/{id}/usage", id=tenant)
    except Missing as why:
        click.echo(f"error: {why}", err=True)
        return NO
    if given["output"] == "json":
        click.echo(json.dumps({"quota": quota, "usage": usage}, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines_of(quota, usage)))
    return NO if usage["violations"] else OK


def lines_of(quota: Mapping[str, Any], usage: Mapping[str, Any]) -> Iterator[str]:
    policies = quota["policies"]
    yield f"Tenant {quota['tenant']}, priority {quota['priority']}, at {usage['time'][:19]}Z"
    yield f"Policies: {', '.join(f'{name} {value}' for name, value in policies.items())}"
    yield f"{'':9} {'used':>12} {'quota':>12} {'limit':>12} {'of quota':>9}"
    for name in RESOURCES:
        ratio = usage["usage_ratio"].get(name)
        share = "" if ratio is None else f"{100 * ratio:.1f} %"
        row = [str(each.get(name, "-")) for each in (usage["used"], quota["quota"], quota["limit"])]
        yield f"{name:9} {row[0]:>12} {row[1]:>12} {row[2]:>12} {share:>9}"
    yield f"Burst: {', '.join(usage['burst']['resources']) if usage['burst']['active'] else 'not in use'}"
    for namespace, used in usage["namespaces"].items():
        yield f"Namespace {namespace}: {', '.join(f'{name} {value}' for name, value in used.items())}"
    yield f"Violations: {len(usage['violations']) or 'none'}"
    for violation in usage["violations"]:
        yield f"  {', '.join(f'{name} {value}' for name, value in violation.items())}"
