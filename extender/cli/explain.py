"""trimtab explain: live, from files, or a batch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from extender.cli.root import UNREACHABLE
from extender.native.folders import Folders, usual_cache

_NODES_SHOWN = 20
_PIPE_WIDTH = 240


@click.command(
    help="""Say who would decide what about a pod, and why. Nothing is reserved.

    \b
    trimtab explain POD -n NAMESPACE [--policy FILE]              ask a running extender
    trimtab explain --cluster-file FILE --pod FILE --policy FILE  from files
    trimtab explain --batch FILE                                  JSON lines in, JSON lines out; - is standard input
    """
)
@click.argument("name", required=False, metavar="[POD]")
@click.option("-n", "--namespace", default="default", show_default=True)
@click.option("--policy", type=click.Path(path_type=Path, exists=True), help="Explain under this policy instead.")
@click.option(
    "--extender",
    "--admin-url",
    "admin_url",
    default="http://127.0.0.1:8889",
    show_default=True,
    help="Admin address of the extender.",
)
@click.option("--cluster-file", type=click.Path(path_type=Path, exists=True), help="A cluster in a file.")
@click.option("--metrics-file", type=click.Path(path_type=Path, exists=True), help="load-watcher document.")
@click.option("--pod", "pod_file", type=click.Path(path_type=Path, exists=True), help="The pod, in a file.")
@click.option("--batch", metavar="FILE", help="Many cases at once; .gz is accepted.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
@click.option("--kernel-cache", type=click.Path(path_type=Path), help="Folder that compiled kernels are kept in.")
@click.option("--prebuilt-kernels", type=click.Path(path_type=Path), help="Folder that `trimtab kernels build` filled.")
def explain(
    name: str | None,
    namespace: str,
    policy: Path | None,
    admin_url: str,
    cluster_file: Path | None,
    metrics_file: Path | None,
    pod_file: Path | None,
    batch: str | None,
    output: str,
    kernel_cache: Path | None,
    prebuilt_kernels: Path | None,
) -> None:
    folders = Folders(kernel_cache or usual_cache(), prebuilt_kernels)
    if batch:
        from extender.cli.batch import run_batch

        sys.exit(run_batch(batch, sys.stdout, folders))
    if cluster_file:
        if not (pod_file and policy):
            raise click.UsageError("--cluster-file needs --pod FILE and --policy FILE")
        told, who = _offline(cluster_file, metrics_file, pod_file, policy, folders)
    elif name:
        told, who = _live(admin_url, namespace, name, policy), f"{namespace}/{name}"
    else:
        raise click.UsageError("name a POD, or give --cluster-file and --pod, or --batch")
    _show(told, who, output)


def _live(admin_url: str, namespace: str, name: str, policy: Path | None) -> dict[str, Any]:
    import httpx

    body: dict[str, Any] = {"podRef": {"namespace": namespace, "name": name}}
    if policy:
        body["policy"] = _bytes(policy).decode(errors="replace")  # its text: the extender judges what it means
    try:
        answer = httpx.post(f"{admin_url.rstrip('/')}/explain", json=body, timeout=30, trust_env=False)
    except httpx.HTTPError as wrong:
        _fail(f"cannot reach the extender at {admin_url} ({wrong}); start it, or name it with --extender", UNREACHABLE)
    if answer.is_success:
        told: dict[str, Any] = answer.json()
        return told
    try:
        refused = answer.json()
        lines = [f"{d['path']}: {d['message']}" for d in refused.get("details") or []]
        _fail("\n".join([refused["message"], *lines]))
    except (ValueError, KeyError, TypeError):
        _fail(f"the extender answered {answer.status_code}")


def _offline(
    cluster_file: Path, metrics_file: Path | None, pod_file: Path, policy: Path, folders: Folders
) -> tuple[dict[str, Any], str]:
    import msgspec

    from extender.cli.installed import installed_plugins
    from extender.cluster.file import ClusterFileError, load_cluster_file
    from extender.engine.workbench import Workbench
    from extender.model.events import MetricsReplaced
    from extender.model.pod import pod_of
    from extender.native.function import NotLoaded
    from extender.policy import PolicyRefused

    try:
        bench = Workbench(installed_plugins(folders))
        for warning in load_cluster_file(cluster_file, bench.state, bench.now_s):
            click.echo(f"{cluster_file}: {warning}", err=True)
    except (NotLoaded, ClusterFileError) as wrong:
        _fail(str(wrong))
    if metrics_file:
        bench.state.apply(MetricsReplaced(_tree(metrics_file), bench.now_s), bench.now_s)
    try:
        pod = pod_of(_tree(pod_file))
        return bench.explain(pod, bench.policy(_bytes(policy), str(policy))), pod.key
    except msgspec.ValidationError as wrong:
        _fail(f"{pod_file}: {wrong}")
    except PolicyRefused as refused:
        _fail("\n".join(f"{policy}: {p.path}: {p.message}{f' ({p.hint})' if p.hint else ''}" for p in refused.problems))


def _tree(path: Path) -> Any:
    """YAML or JSON in a file."""
    import yaml

    try:
        return yaml.load(_bytes(path), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as wrong:
        _fail(f"cannot read {path}: {wrong}")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        _fail(f"cannot read {path}: {wrong.strerror or wrong}")


def _show(told: dict[str, Any], who: str, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(told, indent=2))
    elif output == "yaml":
        import yaml

        click.echo(yaml.safe_dump(told, sort_keys=False), nl=False)
    else:
        _table(told, who)


def _table(told: dict[str, Any], who: str) -> None:
    """One sentence, then the best nodes with their parts, then the rejected ones by reason."""
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    # Plugins' texts hold brackets: they are no markup. What goes into a file or pipe is not cut to a screen's width.
    console = Console(markup=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    passed = [node for node, verdict in told["filter"].items() if verdict["code"] == "Success"]
    totals = told["total"]
    ranked = sorted(passed, key=lambda node: -totals.get(node, 0))
    console.print(_sentence(who, ranked, told), highlight=False, soft_wrap=True)
    scorers = [name for name, said in told["plugins"].items() if "score" in said]
    if ranked:
        table = Table(box=None)
        table.add_column("NODE", min_width=max(map(len, ranked[:_NODES_SHOWN])))
        for title in (*(f"{name} x{told['plugins'][name]['weight']}" for name in scorers), "TOTAL"):
            table.add_column(title)
        for node in ranked[:_NODES_SHOWN]:
            table.add_row(node, *(_part(told["plugins"][name], node) for name in scorers), str(totals.get(node, 0)))
        console.print(table)
        if len(ranked) > _NODES_SHOWN:
            console.print(f"… and {len(ranked) - _NODES_SHOWN} more; -o json shows all", highlight=False)
    counted = Counter((v["plugin"], "; ".join(v["reasons"])) for v in told["filter"].values() if v["code"] != "Success")
    if counted:
        table = Table("REJECTED", "PLUGIN", "REASON", box=None)
        for (plugin, reason), count in counted.most_common():
            table.add_row(str(count), plugin, reason)
        console.print(table)
    for skipped in told.get("skipped", ()):  # an older extender says nothing of it
        where = ", ".join(skipped["phases"])
        console.print(f"skipped: {skipped['plugin']} in {where} ({skipped['why']})", highlight=False, soft_wrap=True)


def _sentence(who: str, ranked: list[str], told: dict[str, Any]) -> str:
    seen = len(told["filter"])
    under = f"policy revision {told['revision'] or '(none)'}"
    if not ranked:
        reasons = {reason for verdict in told["filter"].values() for reason in verdict["reasons"]}
        return (
            f"{who} fits none of {seen} nodes under {under}: {'; '.join(sorted(reasons)) or 'there are no nodes'}"
            f"{_in_plain_words(told)}"
        )
    return f"{who} fits {len(ranked)} of {seen} nodes under {under}; the best is {ranked[0]}"


def _in_plain_words(told: dict[str, Any]) -> str:
    """What the only reason means to whoever runs the pod, if anybody has put it in words."""
    from extender.record.meaning import meaning

    said = {(verdict["plugin"], reason) for verdict in told["filter"].values() for reason in verdict["reasons"]}
    means = meaning(*said.pop()) if len(said) == 1 else None
    return f". It waits for its {means.waits_for}: {means.words}" if means else ""


def _part(said: dict[str, Any], node: str) -> str:
    if "normalized" not in said:
        return str(said.get("error", "-"))
    return f"{said['normalized'].get(node, 0)} ({said['score'].get(node, 0)})"


def _fail(message: str, code: int = 1) -> NoReturn:
    click.echo(f"trimtab explain: {message}", err=True)
    sys.exit(code)
