"""trimtab policy get: the stored policy, and how far it is in effect; --watch adds a row for every change of either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click

from extender.cli.desk import Opened
from extender.cli.output import columns, data
from extender.control.effective import Replica
from extender.control.problems import Refused
from extender.control.store import Stored
from extender.control.text import tree_of

POLL_S = 0.5
_MARK_CHARS = 12
HEAD = ("POLICY", "REVISION", "HASH", "EFFECTIVE", "CHANGED-BY", "VIA", "CHANGED", "REASON")
# Rows of a watch come one by one, so their columns are as wide as usual values.
_WIDTHS = (44, 10, 14, 10, 24, 8, 22)


class Seen(NamedTuple):
    what: str
    stored: Stored
    replicas: tuple[Replica, ...]

    @property
    def row(self) -> list[str]:
        change = self.stored.change
        return [
            self.what,
            self.stored.revision,
            self.stored.hash[:_MARK_CHARS],
            in_effect(self.replicas),
            (change.who if change else "") or "-",
            (change.via if change else "") or "-",
            (change.at if change else "") or "-",
            (change.reason if change else "") or "-",
        ]

    @property
    def mark(self) -> tuple[str, tuple[Replica, ...]]:
        """What a watch tells about: revision of the text, and what each replica has."""
        return self.stored.revision, self.replicas


def in_effect(replicas: tuple[Replica, ...]) -> str:
    """Replicas that have the newest text in effect, of all that are heard of."""
    if not replicas:
        return "unknown"
    newest = replicas[-1].observed
    return f"{sum(r.status == 'True' and r.observed == newest for r in replicas)}/{len(replicas)}"


async def look(opened: Opened) -> Seen:
    """Raises Refused."""
    stored = await opened.desk.policy()
    return Seen(opened.desk.store.what, stored, tuple(await opened.desk.replicas()))


async def show(opened: Opened, output: str, *, headers: bool) -> None:
    seen = await look(opened)
    match output:
        case "yaml":
            click.echo(seen.stored.text.decode(errors="replace"), nl=not seen.stored.text.endswith(b"\n"))
        case "json":
            click.echo(data(tree_of(seen.stored.text), output), nl=False)
        case "name":
            click.echo(seen.what)
        case _:
            click.echo(columns([list(HEAD), seen.row] if headers else [seen.row]), nl=False)
            if output == "wide":
                click.echo(columns(_replicas(seen.replicas)), nl=False)


async def watch(opened: Opened, output: str, *, headers: bool) -> None:
    """Until it is interrupted."""
    if headers and output in ("table", "wide"):
        click.echo(_aligned(list(HEAD)))
    async with aclosing(changes(opened)) as found:
        async for seen in found:
            match output:
                case "json":
                    click.echo(data(_plain(seen), output), nl=False)
                case "yaml":
                    click.echo("---\n" + data(_plain(seen), output), nl=False)
                case "name":
                    click.echo(f"{seen.what}@{seen.stored.revision}")
                case _:
                    click.echo(_aligned(seen.row))


async def changes(opened: Opened) -> AsyncGenerator[Seen]:
    """The state now, then every other one that is seen. Trouble is told on standard error, once, and waited out."""
    last: object = None
    while True:
        try:
            seen = await look(opened)
        except Refused as trouble:
            if last != trouble.message:
                last = trouble.message
                click.echo(f"trimtab: {_now()} {trouble.message}; still watching", err=True)
        else:
            if last != seen.mark:
                last = seen.mark
                yield seen
        await asyncio.sleep(POLL_S)


def _plain(seen: Seen) -> dict[str, Any]:
    change = seen.stored.change
    return {
        "policy": seen.what,
        "revision": seen.stored.revision,
        "hash": seen.stored.hash,
        "change": None
        if change is None
        else {"who": change.who, "via": change.via, "at": change.at, "reason": change.reason},
        "effective": [
            {"replica": r.replica, "revision": r.revision, "hash": r.hash, "status": r.status} for r in seen.replicas
        ],
    }


def _replicas(replicas: tuple[Replica, ...]) -> list[list[str]]:
    rows = [[r.replica, r.revision or "-", r.hash or "-", r.observed or "-", r.status or "-"] for r in replicas]
    return [["", "", "", "", ""], ["REPLICA", "REVISION", "HASH", "OBSERVED", "APPLIED"], *rows] if rows else []


def _aligned(row: list[str]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, _WIDTHS, strict=False)]
    return "   ".join([*cells, *row[len(_WIDTHS) :]]).rstrip()


def _now() -> str:
    return datetime.now(UTC).strftime("%H:%M:%SZ")
