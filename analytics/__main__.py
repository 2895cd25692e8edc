"""`python -m analytics`: options, log, exit codes. 0 fine, 2 wrong usage, 3 cannot reach what it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from analytics import __version__
from analytics.config.logs import TOGETHER
from analytics.config.values import FORMATS, LEVELS, OUTPUTS, BadValue, Values, seconds_of
from analytics.main import LOOPBACK, Address, CannotStart, Settings, run
from analytics.steering import WRITES_PER_S, SteeringSettings
from analytics.store import Store, StoreError
from analytics.store.exports import NotExported, take_in
from analytics.store.retention import BadRetention, Retention
from analytics.views import VIEWS
from analytics.views.sources import ToolSettings
from analytics.web.tls import Tls
from extender.control import Schedule
from extender.control.schedule import KEEP

TOOLS = sorted({view.tool for view in VIEWS if view.tool})


class AddressType(click.ParamType[Address]):
    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
            self.fail(f"{value!r} is not HOST:PORT, for example 127.0.0.1:8080 or [::]:8080", param, ctx)
        return Address(host.strip("[]") or "0.0.0.0", int(port))


class RetentionType(click.ParamType[Retention]):
    name = "TIMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Retention:
        if isinstance(value, Retention):
            return value
        try:
            return Retention.parse(str(value))
        except BadRetention as why:
            self.fail(str(why), param, ctx)


class Span(click.ParamType[float]):
    """Seconds, written as 30s, 5m or 1h."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return seconds_of(str(value))
        except BadValue as why:
            self.fail(str(why), param, ctx)


class NamedType(click.ParamType[tuple[str, str]]):
    """An object of the cluster."""

    name = "NAMESPACE/NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        namespace, _, name = str(value).partition("/")
        if not namespace or not name or "/" in name:
            self.fail(f"{value!r} is not NAMESPACE/NAME, for example trimtab-system/trimtab-policy", param, ctx)
        return namespace, name


def _default_policy() -> tuple[str, str]:
    """KUBERNETES_NAMESPACE and CONFIGMAP_NAME, each with the product's own default."""
    environ = os.environ
    return (
        environ.get("KUBERNETES_NAMESPACE") or "trimtab-system",
        environ.get("CONFIGMAP_NAME") or "trimtab-policy",
    )


def _default_deployment() -> tuple[str, str]:
    """KUBERNETES_NAMESPACE and SCHEDULER_DEPLOYMENT (R-079, R-081)."""
    environ = os.environ
    return (
        environ.get("KUBERNETES_NAMESPACE") or "kube-system",
        environ.get("SCHEDULER_DEPLOYMENT") or "rescheduler-scheduler",
    )


def default_listen(port: int = 8080) -> Address:
    """PORT and HOST, else all interfaces inside a cluster, else loopback."""
    inside = "KUBERNETES_SERVICE_HOST" in os.environ
    host = os.environ.get("HOST") or ("0.0.0.0" if inside else "127.0.0.1")
    address: Address = AddressType().convert(f"{host}:{os.environ.get('PORT') or port}", None, None)
    return address


def _default_metrics() -> Address:
    return Address("0.0.0.0" if "KUBERNETES_SERVICE_HOST" in os.environ else "127.0.0.1", 8081)


def _url(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter(f"{value!r} is not an http or https URL")
    return value


def _url_or_none(ctx: click.Context, param: click.Parameter, value: str) -> str:
    return _url(ctx, param, value) if value else ""


def _named(option: str, **more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option that is also the environment variable TRIMTAB_<OPTION>."""
    return click.option(
        f"--{option}",
        envvar=f"TRIMTAB_{option.upper().replace('-', '_')}",
        show_envvar=True,
        show_default=not callable(more.get("default")),
        **more,
    )


@click.command(context_settings={"max_content_width": 110})
@_named("listen", type=AddressType(), default=default_listen, help="Pages and APIs. [default: 127.0.0.1:8080]")
@_named("metrics", type=AddressType(), default=_default_metrics, help="Metrics and health. [default: 127.0.0.1:8081]")
@_named(
    "journal", type=click.Path(path_type=Path), multiple=True, help="Folder of journals; may be given several times."
)
@_named("store", default="trimtab.duckdb", help="DuckDB file, or postgresql:// URL.")
@_named("extender", default="http://127.0.0.1:8889", callback=_url, help="Admin address of the extender.")
@_named(
    "retention",
    type=RetentionType(),
    default="30d",
    help="How long decisions are kept: 30d, or detail=7d,facts=30d,policy=1y,loss=90d,rollup=90d.",
)
@_named(
    "allowed-host", multiple=True, help="Host name under which browsers reach the pages; may be given several times."
)
@_named("policy-file", type=click.Path(path_type=Path), help="The policy that can be changed here, in a file.")
@_named(
    "policy-configmap",
    type=NamedType(),
    default=None,
    help="The same, in a ConfigMap; also KUBERNETES_NAMESPACE and CONFIGMAP_NAME. "
    "[default: trimtab-system/trimtab-policy]",
)
@_named("kubeconfig", help="How to reach the API server; default: in-cluster.")
@_named(
    "scheduler-deployment",
    type=NamedType(),
    default=_default_deployment,
    help="What a restart restarts; also SCHEDULER_DEPLOYMENT. [default: kube-system/rescheduler-scheduler]",
)
@_named(
    "history",
    type=click.Path(path_type=Path),
    help="Folder of saved policies; default: ControllerRevisions, or beside the policy's file.",
)
@_named(
    "audit-trail",
    type=click.Path(path_type=Path),
    help="File that records every change and refusal; default: the log, or beside the policy's file.",
)
@_named(
    "auth",
    type=click.Choice(["none", "token", "kubernetes"]),
    default=None,
    help="Who may change things: everybody (loopback only), who has the API key, or as the cluster's RBAC says. "
    "[default: none on loopback, else token with --api-key-file, else kubernetes]",
)
@_named(
    "api-key-file",
    type=click.Path(path_type=Path),
    help="File with the key of --auth token; read again when it changes.",
)
@_named(
    "writes-per-second",
    type=click.IntRange(1, 10_000),
    default=WRITES_PER_S,
    help="Changes that one caller may ask for; ten times as many at once.",
)
@_named("sealing-key-file", type=click.Path(path_type=Path), help="Key that saved policies are encrypted with.")
@_named("backups", type=click.Path(path_type=Path), help="Folder for scheduled backups of policy, tenants and history.")
@_named("backup-every", type=Span(), default="24h", help="How often one is made there.")
@_named("backup-keep", type=click.IntRange(1, 10_000), default=KEEP, help="How many of them stay.")
@_named("signing-key-file", type=click.Path(path_type=Path), help="Key that the history is signed with.")
@_named("tls-cert", type=click.Path(path_type=Path), help="Certificate of --listen (PEM); read again when it changes.")
@_named("tls-key", type=click.Path(path_type=Path), help="Its private key.")
@_named("tool", type=click.Choice(TOOLS), multiple=True, help="Run only this tool; may be given several times.")
@_named("metrics-interval", type=Span(), default="30s", help="How often the tools collect their figures.")
@_named("scheduler", multiple=True, help="Name of a scheduler to tell apart; may be given several times.")
@_named(
    "audit-log",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Audit log of an API server; may be given several times.",
)
@_named(
    "audit-token-file",
    type=click.Path(path_type=Path),
    help="File with the token that the audit webhook of the API server sends; without it no events are received.",
)
@_named(
    "audit-rules",
    type=click.Path(path_type=Path),
    help="Folder of audit rules of your own (*.yaml), beside the shipped ones; read again when it changes.",
)
@_named(
    "scheduler-identity",
    multiple=True,
    default=("system:kube-scheduler",),
    help="User that may bind pods; may be given several times.",
)
@_named(
    "deployer-identity",
    multiple=True,
    help="User that applies what others have reviewed, such as a GitOps controller; may be given several times.",
)
@_named("prometheus", default="", callback=_url_or_none, help="Prometheus to ask for what nodes use.")
@_named("load-watcher", default="", callback=_url_or_none, help="load-watcher to ask for the same.")
@_named(
    "scheduler-metrics",
    default="",
    callback=_url_or_none,
    help="kube-scheduler's own metrics, such as https://127.0.0.1:10259/metrics.",
)
@_named(
    "scheduler-metrics-token-file",
    type=click.Path(path_type=Path),
    help="File with the token for it; read again for each look.",
)
@_named(
    "scheduler-metrics-ca-file",
    type=click.Path(path_type=Path),
    help="Certificates (PEM) that it is trusted by; default: the system's.",
)
@_named("tenants-file", type=click.Path(path_type=Path), help="Tenants as a list in YAML, read again when it changes.")
@_named(
    "tenants-configmap",
    type=NamedType(),
    default="trimtab-system/trimtab-tenants",
    help="ConfigMap with the same, in its key tenants.yaml.",
)
@_named(
    "config",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Folder with keys of scheduler-tools-config or logging-config, one file each, as a ConfigMap is mounted; "
    "followed, and over the options here. May be given several times.",
)
@_named(
    "config-configmap",
    type=NamedType(),
    multiple=True,
    help="The same in a ConfigMap, followed by a watch. May be given several times.",
)
@_named("log-level", type=click.Choice(LEVELS), default="info")
@_named("log-format", type=click.Choice(FORMATS), default="json")
@_named("log-output", type=click.Choice(OUTPUTS), default="stdout")
@click.option(
    "--import",
    "take_in",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Take the decisions of an exported Parquet file into --store, each once, and end. May be given several times.",
)
@click.version_option(__version__, prog_name="trimtab analytics")
def main(**given: Any) -> None:
    """The sidecar: reads the journal, keeps the store, serves pages and APIs."""
    serve(given)


def serve(given: Mapping[str, Any], name: str = TOGETHER) -> None:
    """Until it is told to end. Raises UsageError; leaves with 3 when something cannot be had."""
    if given.get("take_in"):
        take_in_files(given["store"], given["take_in"])
        return
    if (given["tls_cert"] is None) != (given["tls_key"] is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    settings = Settings(
        listen=given["listen"],
        metrics=given["metrics"],
        journals=given["journal"],
        store=given["store"],
        extender=given["extender"],
        retention=given["retention"],
        allowed_hosts=given["allowed_host"],
        steering=_steering(given),
        tls=None if given["tls_cert"] is None else Tls(given["tls_cert"], given["tls_key"]),
        only=given["tool"],
        name=name,
        start=Values(
            interval_s=given["metrics_interval"],
            level=given["log_level"],
            format=given["log_format"],
            output=given["log_output"],
        ),
        config_folders=given["config"],
        config_configmaps=given["config_configmap"],
        tools=tool_settings(given),
    )
    try:
        run(settings)
    except CannotStart as why:
        click.echo(f"error: {why}", err=True)
        sys.exit(3)


def take_in_files(target: str, paths: Sequence[Path]) -> None:
    """Leaves with 1 where a file is no export, with 3 where the store cannot be had."""
    try:
        store = Store.open(target)
    except (StoreError, OSError) as why:
        click.echo(f"error: --store: {why}; a sidecar that holds it must be stopped first", err=True)
        sys.exit(3)
    try:
        for path in paths:
            taken = take_in(store, path)
            told = f"{path}: {taken.new} decisions taken in, {taken.known} were here already"
            click.echo(told + (f", {taken.awaited} are left to their journal" if taken.awaited else ""))
        store.checkpoint()
    except NotExported as why:
        click.echo(f"error: --import {why}", err=True)
        sys.exit(1)
    except StoreError as why:
        click.echo(f"error: --store: {why}", err=True)
        sys.exit(3)
    finally:
        store.close()


def tool_settings(given: Mapping[str, Any]) -> ToolSettings:
    return ToolSettings(
        interval_s=given["metrics_interval"],
        schedulers=given["scheduler"],
        audit_logs=given["audit_log"],
        audit_token=given["audit_token_file"],
        audit_rules=given["audit_rules"],
        scheduler_identities=given["scheduler_identity"],
        deployers=given["deployer_identity"],
        prometheus=given["prometheus"],
        load_watcher=given["load_watcher"],
        scheduler_metrics=given["scheduler_metrics"],
        scheduler_metrics_token=given["scheduler_metrics_token_file"],
        scheduler_metrics_ca=given["scheduler_metrics_ca_file"],
        tenants_file=given["tenants_file"],
        tenants_configmap=given["tenants_configmap"],
    )


def _steering(given: Mapping[str, Any]) -> SteeringSettings:
    """Raises UsageError for what does not go together."""
    if given["policy_file"] is not None and given["policy_configmap"] is not None:
        raise click.UsageError("--policy-file and --policy-configmap: the policy is in one place only")
    named = given["policy_configmap"] is not None or bool(os.environ.get("CONFIGMAP_NAME"))
    in_cluster = named or given["kubeconfig"] is not None or "KUBERNETES_SERVICE_HOST" in os.environ
    return SteeringSettings(
        auth=_auth(given, in_cluster=in_cluster),
        policy_file=given["policy_file"],
        policy=given["policy_configmap"] or _default_policy(),
        deployment=given["scheduler_deployment"],
        in_cluster=in_cluster,
        kubeconfig=given["kubeconfig"],
        history=given["history"],
        audit_trail=given["audit_trail"],
        api_key=given["api_key_file"],
        writes_per_s=given["writes_per_second"],
        sealing_key=given["sealing_key_file"],
        signing_key=given["signing_key_file"],
        backups=_schedule(given),
    )


def _schedule(given: Mapping[str, Any]) -> Schedule | None:
    if given["backups"] is None:
        return None
    return Schedule(given["backups"], given["backup_every"], given["backup_keep"])


def _auth(given: Mapping[str, Any], *, in_cluster: bool) -> str:
    """Everybody may change everything only where nobody else can come."""
    chosen: str | None = given["auth"]
    loopback = f"{given['listen']}".rpartition(":")[0] in LOOPBACK
    if chosen == "none" and not loopback:
        raise click.UsageError(
            f"--auth none lets everybody change the policy who reaches {given['listen']}: listen on 127.0.0.1, "
            "or say --auth token or --auth kubernetes"
        )
    if chosen == "token" and given["api_key_file"] is None:
        raise click.UsageError("--auth token needs the key: --api-key-file FILE")
    if chosen is not None:
        return chosen
    if loopback:
        return "none"
    if given["api_key_file"] is not None:
        return "token"
    if in_cluster:
        return "kubernetes"
    raise click.UsageError(
        f"others can reach {given['listen']}: say who may change the policy there, with --api-key-file FILE or "
        "--auth kubernetes, or listen on 127.0.0.1"
    )


if __name__ == "__main__":
    main()
