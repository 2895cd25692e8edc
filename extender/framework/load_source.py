"""The arguments that upstream's load-aware plugins share (TrimaranSpec): where node load is measured.

One collector serves all plugins (cluster/load.py). It follows the extender's own options; where they name no source,
it follows the first enabled plugin that reads load (`Plugin.load_source`), so that a pasted configuration works.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import msgspec

from extender.model.load_source import LoadSource, Provider
from extender.model.secret import InSecret

KUBERNETES, PROMETHEUS, SIGNALFX = Provider.KUBERNETES.value, Provider.PROMETHEUS.value, Provider.SIGNALFX.value
PROVIDERS = (KUBERNETES, PROMETHEUS, SIGNALFX)


class MetricProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Who measures node load, unless a watcherAddress is given or the extender's own options say it."""

    type: Annotated[
        str | msgspec.UnsetType,
        msgspec.Meta(
            description="Default KubernetesMetricsServer, unless watcherAddress is written.",
            extra_json_schema={"enum": ["", *PROVIDERS]},
        ),
    ] = msgspec.UNSET
    address: Annotated[str, msgspec.Meta(description="URL; of Prometheus by default http://prometheus-k8s:9090.")] = ""
    token: Annotated[
        str | InSecret,
        msgspec.Meta(description="Bearer token; better a secretRef, for the policy is read by many."),
    ] = ""
    insecure_skip_verify: Annotated[bool, msgspec.Meta(description="Default true with type Prometheus.")] = False


class LoadArgs(Protocol):
    """Args with the shared part."""

    @property
    def metric_provider(self) -> MetricProvider: ...

    @property
    def watcher_address(self) -> str: ...


def with_provider(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The raw args with `metricProvider` defaulted as upstream does: it looks at what is written, not at values."""
    provider = {k: v for k, v in raw.get("metricProvider", {}).items() if (k, v) != ("type", "")}
    if "watcherAddress" not in raw:
        provider.setdefault("type", KUBERNETES)
    if provider.get("type") == PROMETHEUS:
        provider.setdefault("insecureSkipVerify", True)
    return {**raw, "metricProvider": provider}


def provider_problems(args: LoadArgs) -> list[tuple[str, str]]:
    """What is wrong with the shared part: (path, message)."""
    kind = _kind(args)
    if args.watcher_address or kind in PROVIDERS:
        return []
    return [("metricProvider.type", f"invalid MetricProvider.Type, got {kind} (want {', '.join(PROVIDERS)})")]


def source_of(args: LoadArgs) -> LoadSource | None:
    """What the args ask for."""
    if args.watcher_address:
        return LoadSource(provider=Provider.LOAD_WATCHER, address=args.watcher_address)
    if _kind(args) not in PROVIDERS:
        return None
    provider = args.metric_provider
    return LoadSource(
        provider=Provider(provider.type),
        address=provider.address,
        token=provider.token if isinstance(provider.token, str) else "",
        token_in=provider.token.secret_ref if isinstance(provider.token, InSecret) else None,
        insecure=provider.insecure_skip_verify,
    )


def _kind(args: LoadArgs) -> str:
    kind = args.metric_provider.type
    return "" if kind is msgspec.UNSET else kind
