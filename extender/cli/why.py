"""trimtab why: one pod with its cause, or all pending pods by cause."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from extender.cli.asking import ask, server_options
from extender.cli.output import data, form_options, table

_COLOURS: Final = {"waits": "yellow", "never": "red", "moving": "cyan", "done": "green"}
_SAMPLE: Final = 3


@click.command(
    help="""Say why a pod is pending: one cause, whether it waits for room or can never fit, the nodes in groups, and
    what to do. Without a pod: all pending pods by cause.

    POD is NAMESPACE/NAME, or a name in the namespace of -n. Exit codes: 0 answered, 1 no such pod, 2 wrong usage, 3 the
    console cannot be reached.
    """
)
@click.argument("pod", required=False)
@click.option("-n", "--namespace", help="Namespace; default: `default` for a pod, every one for the list.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the texts.")
@server_options
@form_options
def why(
    pod: str | None,
    namespace: str | None,
    lang: str,
    server: str,
    token_file: Path | None,
    output: str,
    *,
    headers: bool,
) -> None:
    if pod is None:
        query = {"lang": lang, **({"namespace": namespace} if namespace else {})}
        told = ask(server, "/api/v1/pods/pending", query, token_file)
        click.echo(listed(told, output, headers=headers), nl=False)
        if told["total"] > len(told["pods"]):
            click.echo(f"the oldest {len(told['pods'])} of {told['total']} pending pods are told", err=True)
        return
    within, slash, name = pod.partition("/")
    if not slash:
        within, name = namespace or "default", pod
    elif namespace and namespace != within:
        raise click.UsageError(f"{pod} is not in the namespace {namespace}")
    if not within or not name or "/" in name:
        raise click.UsageError(f"{pod!r} is not NAMESPACE/NAME")
    path = f"/api/v1/pods/{quote(within, safe='')}/{quote(name, safe='')}/why"
    told = ask(server, path, {"lang": lang}, token_file)
    click.echo(shown(told, output, headers=headers), nl=False)


def shown(told: Mapping[str, Any], output: str, *, headers: bool) -> str:
    """One pod."""
    match output:
        case "json" | "yaml":
            return data(told, output)
        case "name":
            return f"{told['cause']}\n"
    lasting = click.style(told["label"], fg=_COLOURS.get(told["lasting"]))
    parts = [f"{told['sentence']}\n{lasting} · {told['title']} ({told['cause']})\n"]
    if told["groups"]:
        rows = [
            [
                str(one["count"]),
                one["reason"],
                one["would_fit_if"] or "-",
                one["plugin"] or "-",
                _names(one["nodes"], one["count"], wide=output == "wide"),
                one["basis"],
            ]
            for one in told["groups"]
        ]
        head = ["NODES", "REASON", "WOULD FIT IF", "PLUGIN", "SUCH AS", "BASIS"]
        parts.append(table(head, rows, headers=headers))
    if told["advice"]:
        parts.append("".join(_advised(one) for one in told["advice"]))
    if told["lines"]:
        parts.append("".join(f"{one['basis']}   {one['text']} ({one['source']})\n" for one in told["lines"]))
    return "\n".join(parts)


def _advised(one: Mapping[str, Any]) -> str:
    return f"-> {one['text']}\n" + (f"   {one['command']}\n" if one["command"] else "")


def _names(nodes: list[str], count: int, *, wide: bool) -> str:
    if not nodes:
        return "-"
    told = nodes if wide else nodes[:_SAMPLE]
    return ", ".join(told) + (", ..." if count > len(told) else "")


def listed(told: Mapping[str, Any], output: str, *, headers: bool) -> str:
    """All pending pods: by cause, or (wide) one by one."""
    match output:
        case "json" | "yaml":
            return data(told, output)
        case "name":
            return "".join(f"pod/{one['namespace']}/{one['name']}\n" for one in told["pods"])
        case "wide":
            rows = [
                [one["namespace"], one["name"], one["label"], one["cause"], one["sentence"]] for one in told["pods"]
            ]
            return table(["NAMESPACE", "NAME", "LASTING", "CAUSE", "WHY"], rows, headers=headers)
    rows = [
        [
            str(one["count"]),
            one["label"],
            one["cause"],
            one["title"],
            _names(one["pods"], one["count"], wide=False),
        ]
        for one in told["causes"]
    ]
    return table(["PODS", "LASTING", "CAUSE", "WHAT", "SUCH AS"], rows, headers=headers)
