"""trimtab extender: options, environment, and over to main.py."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Literal

import click
import uvloop

from extender.cli.types import ADDRESS, SIZE, Address
from extender.election.durations import LEASE_LEAST_S, LEASE_MOST_S, Durations
from extender.model.prometheus import QUERIES, QUERY_NAMES, PrometheusOptions
from extender.native.folders import usual_cache
from extender.settings import ExtenderSettings, StartRefused

IN_CLUSTER = "KUBERNETES_SERVICE_HOST" in os.environ
HOST = "0.0.0.0" if IN_CLUSTER else "127.0.0.1"


@click.command(help="Run the extender: scheduler verbs on --listen, health, metrics and admin on --admin.")
@click.option("--listen", type=ADDRESS, default=f"{HOST}:8888", show_default=True, help="Scheduler verbs.")
@click.option("--admin", type=ADDRESS, default=f"{HOST}:8889", show_default=True, help="Health, metrics, admin.")
@click.option(
    "--policy", type=click.Path(path_type=Path), help="Policy file (YAML or JSON); edits take effect at once."
)
@click.option(
    "--policy-configmap", metavar="NS/NAME", help="Policy ConfigMap, key policy.yaml; watched through the API."
)
@click.option(
    "--cluster-file", type=click.Path(path_type=Path), help="A static cluster: what `kubectl get -o json` prints."
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="How to reach the API server; default: in-cluster, then ~/.kube/config.",
)
@click.option(
    "--journal", type=click.Path(path_type=Path), help="Folder for the journal; none: decisions are not recorded."
)
@click.option("--journal-budget", type=SIZE, default="8Gi", show_default=True, help="Disk budget of the journal.")
@click.option(
    "--journal-sync",
    type=click.Choice(["interval", "always", "never"]),
    default="interval",
    show_default=True,
    help="When frames are forced to disk: every 100 ms, each, or never.",
)
@click.option("--load-watcher", metavar="URL", help="load-watcher service with node load.")
@click.option(
    "--metrics-file",
    type=click.Path(path_type=Path),
    help="load-watcher document in a file; read again when it changes.",
)
@click.option("--prometheus", metavar="URL", help="Prometheus with node load.")
@click.option(
    "--prometheus-query",
    "prometheus_queries",
    metavar="NAME=PROMQL",
    multiple=True,
    help="Replace one of the queries " + ", ".join(QUERY_NAMES) + " (shares of capacity, 0..1); empty: not asked.",
)
@click.option(
    "--prometheus-label",
    default=PrometheusOptions().label,
    show_default=True,
    help="Label that holds the name of the node.",
)
@click.option(
    "--prometheus-token-file", type=click.Path(path_type=Path), help="Bearer token for it; read for every poll."
)
@click.option("--prometheus-insecure", is_flag=True, help="Take any certificate of it.")
@click.option(
    "--metrics-server",
    is_flag=True,
    help="Node load from metrics.k8s.io. Also what plugins get when neither an option nor their args name a source.",
)
@click.option("--max-body", type=SIZE, default="64Mi", show_default=True, help="Largest request body.")
@click.option(
    "--bind-timeout",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    help="Seconds for one binding; with --hold-timeout below the scheduler's httpTimeout for bind.",
)
@click.option(
    "--hold-timeout",
    type=click.FloatRange(0, 3600),
    default=75.0,
    show_default=True,
    help="Seconds that a bind may be held for its gang at most; with --bind-timeout below httpTimeout.",
)
@click.option(
    "--lease-ttl",
    type=click.FloatRange(1, 3600),
    default=120.0,
    show_default=True,
    help="Seconds that a reservation outlives its filter call.",
)
@click.option(
    "--evictions-per-minute",
    type=click.IntRange(0, 100_000),
    default=200,
    show_default=True,
    help="Pods that may be preempted or rescheduled within a minute, in the whole cluster.",
)
@click.option(
    "--evictions-per-node", type=click.IntRange(0, 100_000), default=50, show_default=True, help="... from one node."
)
@click.option(
    "--evictions-per-namespace",
    type=click.IntRange(0, 100_000),
    default=100,
    show_default=True,
    help="... in one namespace.",
)
@click.option("--eviction-dry-run", is_flag=True, help="Record evictions, and do none.")
@click.option(
    "--evict-other-schedulers",
    is_flag=True,
    help="Evict also pods whose schedulerName no profile of the policy covers.",
)
@click.option("--kernel-cache", type=click.Path(path_type=Path), help="Folder that compiled kernels are kept in.")
@click.option(
    "--prebuilt-kernels",
    type=click.Path(path_type=Path),
    help="Folder that `trimtab kernels build` filled, looked into first; may be read-only.",
)
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate of the scheduler port.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its private key.")
@click.option("--client-ca", type=click.Path(path_type=Path), help="Require client certificates of this CA.")
@click.option("--webhook", type=ADDRESS, help="Mutating admission webhook that gates pods whose turn is ordered.")
@click.option("--webhook-cert", type=click.Path(path_type=Path), help="Certificate of the webhook.")
@click.option("--webhook-key", type=click.Path(path_type=Path), help="Its private key.")
@click.option(
    "--replica",
    default=lambda: os.environ.get("HOSTNAME") or os.uname().nodename,
    help="Name of this replica in the policy status.",
)
@click.option(
    "--leader-elect",
    is_flag=True,
    help="Answer and act only while holding the lease: one active replica at a time, the others warm.",
)
@click.option(
    "--lease",
    metavar="NS/NAME",
    help="The Lease of --leader-elect; default: trimtab in the namespace of this pod, else in trimtab-system.",
)
@click.option(
    "--leader-elect-lease-duration",
    type=click.IntRange(LEASE_LEAST_S, LEASE_MOST_S),
    default=Durations().lease_s,
    show_default=True,
    help="Seconds after which a lease that is not renewed is another's.",
)
@click.option(
    "--leader-elect-renew-deadline",
    type=click.FloatRange(1, LEASE_MOST_S),
    default=Durations().renew_s,
    show_default=True,
    help="Seconds after which a leader that cannot renew stands down.",
)
@click.option(
    "--leader-elect-retry-period",
    type=click.FloatRange(0.1, 60),
    default=Durations().retry_s,
    show_default=True,
    help="Seconds between two renewals, or looks at another's lease.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def extender(
    listen: Address,
    admin: Address,
    policy: Path | None,
    policy_configmap: str | None,
    cluster_file: Path | None,
    kubeconfig: Path | None,
    journal: Path | None,
    journal_budget: int,
    journal_sync: Literal["always", "interval", "never"],
    load_watcher: str | None,
    metrics_file: Path | None,
    prometheus: str | None,
    prometheus_queries: tuple[str, ...],
    prometheus_label: str,
    prometheus_token_file: Path | None,
    prometheus_insecure: bool,  # noqa: FBT001 - click passes options by name
    metrics_server: bool,  # noqa: FBT001 - as above
    max_body: int,
    bind_timeout: float,
    hold_timeout: float,
    lease_ttl: float,
    evictions_per_minute: int,
    evictions_per_node: int,
    evictions_per_namespace: int,
    eviction_dry_run: bool,  # noqa: FBT001 - a flag of the command line
    evict_other_schedulers: bool,  # noqa: FBT001 - as above
    kernel_cache: Path | None,
    prebuilt_kernels: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    webhook: Address | None,
    webhook_cert: Path | None,
    webhook_key: Path | None,
    replica: str,
    leader_elect: bool,  # noqa: FBT001 - as above
    lease: str | None,
    leader_elect_lease_duration: int,
    leader_elect_renew_deadline: float,
    leader_elect_retry_period: float,
    log_level: str,
) -> None:
    namespace, name = _configmap(policy_configmap, policy)
    settings = ExtenderSettings(
        listen=(listen.host, listen.port),
        admin=(admin.host, admin.port),
        policy_file=policy,
        policy_namespace=namespace,
        policy_name=name,
        cluster_file=cluster_file,
        kubeconfig=kubeconfig,
        journal=journal,
        journal_budget_bytes=journal_budget,
        journal_sync=journal_sync,
        load_watcher=load_watcher,
        metrics_file=metrics_file,
        prometheus=prometheus,
        prometheus_options=PrometheusOptions(_queries(prometheus_queries), prometheus_label),
        prometheus_token_file=prometheus_token_file,
        prometheus_insecure=prometheus_insecure,
        metrics_server=metrics_server,
        max_body_bytes=max_body,
        bind_timeout_s=bind_timeout,
        hold_timeout_s=hold_timeout,
        lease_ttl_s=lease_ttl,
        kernel_cache=kernel_cache or usual_cache(),
        prebuilt_kernels=prebuilt_kernels,
        tls_cert=tls_cert,
        tls_key=tls_key,
        client_ca=client_ca,
        webhook=(webhook.host, webhook.port) if webhook else None,
        webhook_cert=webhook_cert,
        webhook_key=webhook_key,
        replica=replica,
        leader_elect=leader_elect,
        lease=_lease(lease),
        durations=Durations(leader_elect_lease_duration, leader_elect_renew_deadline, leader_elect_retry_period),
        pod=(os.environ.get("POD_NAMESPACE", ""), os.environ.get("POD_NAME", "")),
        log_level=log_level,
        evictions_per_minute=evictions_per_minute,
        evictions_per_node=evictions_per_node,
        evictions_per_namespace=evictions_per_namespace,
        eviction_dry_run=eviction_dry_run,
        evict_other_schedulers=evict_other_schedulers,
    )
    if wrong := settings.problems():
        raise click.UsageError("\n".join(wrong))
    from extender.main import run

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings))
    except StartRefused as refused:
        click.echo(f"trimtab extender: {refused}", err=True)
        sys.exit(refused.exit_code)


def _queries(given: tuple[str, ...]) -> dict[str, str]:
    """The usual queries with those given in their place."""
    queries = dict(QUERIES)
    for text in given:
        name, equals, query = text.partition("=")
        if not equals or name not in queries:
            raise click.UsageError(
                f"--prometheus-query wants NAME=PROMQL with one of the names {', '.join(QUERY_NAMES)}, not {text!r}"
            )
        queries[name] = query.strip()
    return queries


def _lease(given: str | None) -> tuple[str, str]:
    """The flag, else a name of ours in the namespace of this pod (or where R-045 says that we live)."""
    if given:
        return _named("--lease", given)
    home = os.environ.get("POD_NAMESPACE") or os.environ.get("KUBERNETES_NAMESPACE") or "trimtab-system"
    return home, "trimtab"


def _named(option: str, given: str) -> tuple[str, str]:
    namespace, slash, name = given.partition("/")
    if not (slash and namespace and name) or "/" in name:
        raise click.UsageError(f"{option} wants NAMESPACE/NAME, not {given!r}")
    return namespace, name


def _configmap(given: str | None, policy: Path | None) -> tuple[str, str]:
    """The flag, else (inside a cluster, without a policy file) the variables that R-045 names, else none."""
    if given:
        return _named("--policy-configmap", given)
    if IN_CLUSTER and policy is None:
        return os.environ.get("KUBERNETES_NAMESPACE", "trimtab-system"), os.environ.get(
            "CONFIGMAP_NAME", "trimtab-policy"
        )
    return "", ""
