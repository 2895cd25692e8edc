"""The noun and its verbs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec

from extender.cli.change import change_options, tell
from extender.cli.confirm import confirm, yes_option
from extender.cli.desk import Opened, at_desk, seal_of
from extender.cli.failing import NO, fail
from extender.cli.output import data, form_options, table
from extender.cli.policy import get as looking
from extender.cli.target import Target, target_options
from extender.control.desk import Side
from extender.control.diff import Diff
from extender.control.revision import Revision

_file = click.option("-f", "--filename", metavar="FILE", required=True, help="YAML or JSON; - is standard input.")


@click.group(help="The policy: read it, compare it, change it, and take a change back.")
def policy() -> None:
    pass


@policy.command(help="The stored policy, and how far it is in effect. -o yaml prints its text.")
@target_options
@form_options
@click.option("-w", "--watch", is_flag=True, help="Go on, with a row whenever revision or effect changes.")
def get(target: Target, output: str, *, headers: bool, watch: bool) -> None:
    async def work(opened: Opened) -> None:
        await (looking.watch if watch else looking.show)(opened, output, headers=headers)

    try:
        at_desk(target, work)
    except KeyboardInterrupt:
        sys.exit(0)


@policy.command(
    help="""Compare two of: a revision's number, desired, effective; or, with -f, what is stored with a file.

    Exit code 1 when they differ.
    """
)
@click.argument("before", default="desired")
@click.argument("after", required=False)
@click.option("-f", "--filename", metavar="FILE", help="Compare with this file; - is standard input.")
@target_options
@form_options
def diff(before: str, after: str | None, filename: str | None, target: Target, output: str, *, headers: bool) -> None:
    if (after is None) == (filename is None):
        raise click.UsageError("name two sides, such as `effective desired` or `41 42`; or one file with -f")
    sides = _side(before), _text(filename) if filename is not None else _side(after or "")

    async def work(opened: Opened) -> Diff:
        return await opened.desk.diff(*sides)

    found = at_desk(target, work)
    match output:
        case "json" | "yaml":
            click.echo(data(msgspec.to_builtins(found.changes), output), nl=False)
        case "name":
            click.echo("".join(f"{change.path}\n" for change in found.changes), nl=False)
        case "wide":
            rows = [[change.path, _short(change.before), _short(change.after)] for change in found.changes]
            click.echo(table(["PATH", "BEFORE", "AFTER"], rows, headers=headers) if rows else "", nl=False)
        case _:
            click.echo(found.unified, nl=False)
    sys.exit(NO if found.unified else 0)


@policy.command(help="Store a policy. Nothing changes where it is refused, or where somebody else was faster.")
@_file
@click.option("--if-match", metavar="HASH", help="Only if what is stored has this hash.")
@target_options
@change_options
@form_options
def apply(
    filename: str,
    if_match: str | None,
    target: Target,
    reason: str,
    output: str,
    *,
    dry_run: bool,
    headers: bool,
) -> None:
    text = _text(filename)
    done = at_desk(
        target,
        lambda o: o.desk.put(text, if_match=if_match, actor=o.actor, reason=reason, dry_run=dry_run),
    )
    tell(done, output, headers=headers, dry_run=dry_run)


@policy.command(help="Say everything that is wrong with a policy. Exit code 1 when it would be refused.")
@_file
@target_options
@form_options
def validate(filename: str, target: Target, output: str, *, headers: bool) -> None:  # noqa: ARG001 - prints no table
    text = _text(filename)
    parsed = at_desk(target, lambda o: o.desk.validate(text))
    for warning in parsed.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{filename} is valid", err=True)
    if output in ("json", "yaml"):
        found = {"valid": True, "hash": parsed.hash, "form": parsed.form, "warnings": list(parsed.warnings)}
        click.echo(data(found, output), nl=False)


@policy.command(help="What has been saved, newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--before", type=click.IntRange(1), help="Only revisions below this number.")
@target_options
@form_options
def history(limit: int, before: int | None, target: Target, output: str, *, headers: bool) -> None:
    found, total = at_desk(target, lambda o: o.desk.revisions(limit, before))
    match output:
        case "json" | "yaml":
            click.echo(data([saved(revision) for revision in found], output), nl=False)
        case "name":
            click.echo("".join(f"revision/{revision.number}\n" for revision in found), nl=False)
        case _:
            rows = [
                [str(r.number), r.created_at, r.kind, r.actor or "-", r.via or "-", r.reason or "-"]
                + ([r.revision or "-", r.hash, r.chain] if output == "wide" else [])
                for r in found
            ]
            head = ["NUMBER", "SAVED", "KIND", "ACTOR", "VIA", "REASON"]
            head += ["REVISION", "HASH", "CHAIN"] if output == "wide" else []
            click.echo(table(head, rows, headers=headers), nl=False)
    if total > len(found):
        click.echo(f"{len(found)} of {total} revisions", err=True)


@policy.command(help="Store again what was saved under a number.")
@click.argument("number", type=click.IntRange(1))
@target_options
@change_options
@yes_option
@form_options
def rollback(number: int, target: Target, reason: str, output: str, *, dry_run: bool, yes: bool, headers: bool) -> None:
    confirm(f"Roll {target.words} back to revision {number}", yes=yes or dry_run, must=True)
    done = at_desk(target, lambda o: o.desk.rollback(number, actor=o.actor, reason=reason, dry_run=dry_run))
    tell(done, output, headers=headers, dry_run=dry_run)


@policy.command(help="Save what is stored now; with -f also policy, tenants and history as one file.")
@click.option(
    "-f", "--filename", metavar="FILE", help="Archive to write (.tar.gz); must not exist. -: standard output."
)
@click.option("--reason", default="", help="Why; it stands in the history.")
@target_options
@form_options
def backup(filename: str | None, reason: str, target: Target, output: str, *, headers: bool) -> None:
    async def work(opened: Opened) -> tuple[Revision, bytes]:
        revision = await opened.desk.backup(actor=opened.actor, reason=reason)
        return revision, b"" if filename is None else await opened.desk.archive(seal_of(target))

    revision, archive = at_desk(target, work)
    click.echo(f"{target.words} saved as revision {revision.number}", err=True)
    if filename is not None:
        _write(filename, archive)
        return
    match output:
        case "json" | "yaml":
            click.echo(data(saved(revision), output), nl=False)
        case "name":
            click.echo(f"revision/{revision.number}")
        case _:
            row = [str(revision.number), revision.created_at]
            click.echo(table(["NUMBER", "SAVED"], [row], headers=headers), nl=False)


@policy.command(help="Store again what `backup -f` wrote: policy, tenants, and the history where there is none.")
@_file
@target_options
@change_options
@yes_option
@form_options
def restore(
    filename: str, target: Target, reason: str, output: str, *, dry_run: bool, yes: bool, headers: bool
) -> None:
    archive = _text(filename)
    confirm(f"Restore {target.words} from {filename}", yes=yes or dry_run, must=True)
    done = at_desk(
        target,
        lambda o: o.desk.restore(archive, actor=o.actor, reason=reason, dry_run=dry_run, seal=seal_of(target)),
    )
    tell(done, output, headers=headers, dry_run=dry_run)


@policy.command(help="Check the chain of the history, and of the audit trail written from here. Exit code 1: broken.")
@click.option(
    "--key", type=click.Path(path_type=Path, exists=True), help="File of the key that revisions are signed by."
)
@target_options
@form_options
def verify(key: Path | None, target: Target, output: str, *, headers: bool) -> None:
    path = key or target.signing_key
    secret = path.read_bytes() if path else None

    async def work(opened: Opened) -> list[list[str]]:
        history_ = await opened.desk.history.verify(secret)
        trail = await opened.audit.verify()
        return [["history", problem] for problem in history_] + [["audit", problem] for problem in trail]

    found = at_desk(target, work)
    if output in ("json", "yaml"):
        click.echo(data([{"where": where, "problem": problem} for where, problem in found], output), nl=False)
    elif found:
        click.echo(table(["WHERE", "PROBLEM"], found, headers=headers), nl=False)
    click.echo(f"{len(found)} problems" if found else "the chains hold", err=True)
    sys.exit(NO if found else 0)


def saved(revision: Revision) -> dict[str, object]:
    """As R-033 and R-034 tell a backup, with who and why."""
    return {
        "backup_id": revision.number,
        "created_at": revision.created_at,
        "reason": "manual" if revision.kind == "manual" else "auto",
        "actor": revision.actor,
        "via": revision.via,
        "note": revision.reason,
        "kind": revision.kind,
        "hash": revision.hash,
        "chain": revision.chain,
    }


def _text(filename: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if filename == "-" else Path(filename).read_bytes()
    except OSError as wrong:
        fail(f"cannot read {filename}: {wrong.strerror or wrong}")


def _write(filename: str, archive: bytes) -> None:
    """Nobody else may read it: a policy may hold what is not for all."""
    if filename == "-":
        sys.stdout.buffer.write(archive)
        return
    try:
        with os.fdopen(os.open(filename, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(archive)
    except OSError as wrong:
        fail(f"cannot write {filename}: {wrong.strerror or wrong}")
    click.echo(f"archive written to {filename}", err=True)


def _side(told: str) -> Side:
    match told:
        case "effective":
            return "effective"
        case "desired":
            return "desired"
    if not told.isdigit() or not told.isascii():
        raise click.UsageError(f"{told!r} is neither a revision's number nor desired nor effective")
    return int(told)


def _short(value: object) -> str:
    return "-" if value is None else msgspec.json.encode(value).decode()
