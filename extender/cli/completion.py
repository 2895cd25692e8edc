"""trimtab completion: what a shell needs to complete commands, plugin names and phases."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from extender.cli.target import ADMIN
from extender.policy.catalogue import PHASES

_PATIENCE_S = 1.0


@click.command(
    help="""Print the completion script of a shell.

    \b
    bash:  source <(trimtab completion bash)
    zsh:   source <(trimtab completion zsh)
    fish:  trimtab completion fish | source
    """
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    from extender.cli.root import COMPLETION, cli

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows the three
    click.echo(kind(cli, {}, "trimtab", COMPLETION).source())


def complete_plugins(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(name, help=str(entry.get("doc", "")))
        for name, entry in _plugins().items()
        if name.lower().startswith(incomplete.lower())
    ]


def complete_phases(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Of a list with commas; those that the plugin named before works in come alone."""
    entry = _plugins().get(str(ctx.params.get("name")), {})
    done, _, last = incomplete.rpartition(",")
    named = done.split(",") if done else []
    known: Iterable[str] = entry.get("phases") or PHASES
    prefix = f"{done}," if done else ""
    return [prefix + phase for phase in known if phase.startswith(last) and phase not in named]


@cache
def _plugins() -> dict[str, dict[str, Any]]:
    """As the extender tells it, if it answers at once; else what is installed here."""
    import httpx

    from extender.cli.plugin.sources import from_installed

    url = os.environ.get("TRIMTAB_EXTENDER", ADMIN).rstrip("/")
    try:
        entries = httpx.get(f"{url}/catalogue", timeout=_PATIENCE_S, trust_env=False).raise_for_status().json()
        return {str(entry["name"]): entry for entry in entries}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return {str(entry["name"]): entry for entry in from_installed().plugins}


def kubectl() -> None:
    """`kubectl_complete-trimtab`: kubectl asks it for completions, a line each, and a directive at the end."""
    from extender.cli.root import COMPLETION, cli

    *args, incomplete = sys.argv[1:] or [""]
    for item in ShellComplete(cli, {}, "kubectl trimtab", COMPLETION).get_completions(args, incomplete):
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(":4")  # no file names
