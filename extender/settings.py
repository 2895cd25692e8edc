"""What an operator decides at the start: flags and environment, read once, frozen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from extender.election.durations import Durations
from extender.model.load_source import LoadSource, Provider
from extender.model.prometheus import PrometheusOptions

UNUSABLE, UNREACHABLE = 2, 3


class StartRefused(Exception):
    """The extender cannot start as told; the message says what to change."""

    def __init__(self, message: str, exit_code: int = UNUSABLE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtenderSettings:
    """Sizes in bytes, times in seconds. Addresses are (host, port)."""

    listen: tuple[str, int]
    admin: tuple[str, int]
    policy_file: Path | None
    policy_namespace: str
    policy_name: str
    cluster_file: Path | None
    kubeconfig: Path | None
    journal: Path | None
    journal_budget_bytes: int
    journal_sync: Literal["always", "interval", "never"]
    load_watcher: str | None
    metrics_file: Path | None
    prometheus: str | None
    prometheus_options: PrometheusOptions
    prometheus_token_file: Path | None
    prometheus_insecure: bool
    metrics_server: bool
    max_body_bytes: int
    bind_timeout_s: float
    hold_timeout_s: float
    lease_ttl_s: float
    kernel_cache: Path
    prebuilt_kernels: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    client_ca: Path | None
    webhook: tuple[str, int] | None
    webhook_cert: Path | None
    webhook_key: Path | None
    replica: str
    leader_elect: bool
    lease: tuple[str, str]
    """(namespace, name)"""
    durations: Durations
    pod: tuple[str, str]
    """(namespace, name) of the pod that this process runs in; empty: unknown."""
    log_level: str
    evictions_per_minute: int
    evictions_per_node: int
    evictions_per_namespace: int
    eviction_dry_run: bool
    evict_other_schedulers: bool

    @property
    def tls(self) -> tuple[Path, Path, Path | None] | None:
        """(certificate, key, client CA) of the scheduler port, or None: plain HTTP."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        return self.tls_cert, self.tls_key, self.client_ca

    @property
    def load_source(self) -> LoadSource | None:
        """Where node load is measured, if the options say it."""
        if self.load_watcher:
            return LoadSource(provider=Provider.LOAD_WATCHER, address=self.load_watcher)
        if self.metrics_file:
            return LoadSource(provider=Provider.FILE, address=str(self.metrics_file))
        if self.prometheus:
            return LoadSource(
                provider=Provider.PROMETHEUS,
                address=self.prometheus,
                token_file=str(self.prometheus_token_file or ""),
                insecure=self.prometheus_insecure,
            )
        return LoadSource(provider=Provider.KUBERNETES) if self.metrics_server else None

    def problems(self) -> list[str]:
        """What contradicts itself, each with what to do."""
        wrong = []
        if self.policy_file and self.policy_name:
            wrong.append("--policy and --policy-configmap exclude each other: a policy has one source")
        if self.cluster_file and self.kubeconfig:
            wrong.append("--cluster-file and --kubeconfig exclude each other: a cluster has one source")
        if self.cluster_file and self.policy_name:
            wrong.append("--policy-configmap needs an API server; with --cluster-file use --policy FILE")
        wrong += self._load_problems()
        if self.leader_elect and self.cluster_file:
            wrong.append("--leader-elect needs an API server, which --cluster-file does not give")
        if self.leader_elect:
            wrong += self.durations.problems()
        if bool(self.tls_cert) != bool(self.tls_key):
            wrong.append("--tls-cert and --tls-key belong together")
        if self.client_ca and not self.tls_cert:
            wrong.append("--client-ca needs --tls-cert and --tls-key")
        if self.webhook and not (self.webhook_cert and self.webhook_key):
            wrong.append("--webhook needs --webhook-cert and --webhook-key: an API server calls webhooks by TLS only")
        if self.webhook and self.cluster_file:
            wrong.append("--webhook needs an API server, which --cluster-file does not give")
        return wrong

    def _load_problems(self) -> list[str]:
        wrong = []
        sources = {
            "--load-watcher": self.load_watcher,
            "--metrics-file": self.metrics_file,
            "--prometheus": self.prometheus,
            "--metrics-server": self.metrics_server,
        }
        given = [option for option, told in sources.items() if told]
        if len(given) > 1:
            wrong.append(f"{' and '.join(given)} exclude each other: load has one source")
        if (self.prometheus_token_file or self.prometheus_insecure) and not self.prometheus:
            wrong.append("--prometheus-token-file and --prometheus-insecure need --prometheus")
        if self.metrics_server and self.cluster_file:
            wrong.append("--metrics-server needs an API server; with --cluster-file use --metrics-file FILE")
        return wrong
