"""trimtab scheduler restart."""

from __future__ import annotations

import click
import msgspec
from click.core import ParameterSource

from extender.cli.confirm import confirm, yes_option
from extender.cli.desk import Opened, at_desk
from extender.cli.failing import USAGE, fail
from extender.cli.output import data, form_options, table
from extender.cli.target import DEPLOYMENT, Target, target_options
from extender.control.restart import Restarted, Restarter

NAMESPACE = "kube-system"
"""Where schedulers are, unless somebody says otherwise."""


@click.group(help="kube-scheduler itself. Changes of the policy never need it to be restarted.")
def scheduler() -> None:
    pass


@scheduler.command(help="Restart the scheduler's Deployment, pod by pod, as kubectl rollout restart does.")
@click.option(
    "--deployment",
    envvar=["TRIMTAB_SCHEDULER_DEPLOYMENT", "SCHEDULER_DEPLOYMENT"],
    default=DEPLOYMENT,
    show_default=True,
    help=f"Name of the scheduler's Deployment, in {NAMESPACE} unless -n or NAMESPACE/NAME says otherwise.",
)
@click.option("--reason", default="", help="Why; it stands on the Deployment and in the audit trail.")
@click.option("--dry-run", is_flag=True, help="Ask the API server whether it could be done, and do nothing.")
@target_options
@yes_option
@form_options
def restart(
    deployment: str, reason: str, target: Target, output: str, *, dry_run: bool, yes: bool, headers: bool
) -> None:
    if target.policy_file is not None:
        fail("a restart needs a cluster; leave --policy-file out", USAGE)
    namespace, _, name = deployment.rpartition("/")
    said = click.get_current_context().get_parameter_source("namespace")
    namespace = namespace or (NAMESPACE if said is ParameterSource.DEFAULT else target.namespace)
    confirm(f"Restart deployment {namespace}/{name}", yes=yes or dry_run, must=True)

    async def work(opened: Opened) -> Restarted:
        assert opened.api is not None  # noqa: S101 - a file has been refused above
        restarter = Restarter(opened.api, namespace, name, opened.audit)
        return await restarter.restart(actor=opened.actor, reason=reason, dry_run=dry_run)

    done = at_desk(target, work)
    click.echo("dry run: restart possible" if dry_run else "restart started", err=True)
    match output:
        case "json" | "yaml":
            click.echo(data(msgspec.to_builtins(done), output), nl=False)
        case "name":
            click.echo(f"deployment/{done.deployment}")
        case _:
            row = [done.namespace, done.deployment, done.restarted_at]
            click.echo(table(["NAMESPACE", "DEPLOYMENT", "RESTARTED"], [row], headers=headers), nl=False)
