"""A catalogue with every plugin's name, for tests: phases as published, args for those that tests write args for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from extender.policy import Catalogue, PluginInfo, Problem


class _Args(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    pass


class MetricProvider(_Args):
    type: Literal["KubernetesMetricsServer", "Prometheus", "SignalFx"] = "KubernetesMetricsServer"
    address: str = ""
    token: str = ""
    insecure_skip_verify: bool | None = None


class TargetLoadPackingArgs(_Args):
    target_utilization: Annotated[int, Meta(ge=1, le=100)] = 40
    default_requests: dict[str, str] | None = None
    default_requests_multiplier: str = "1.5"
    metric_provider: MetricProvider | None = None
    watcher_address: str = ""


class ResourceSpec(_Args):
    name: str
    weight: int = 0


class NodeResourcesAllocatableArgs(_Args):
    mode: Literal["Least", "Most"] = "Least"
    resources: list[ResourceSpec] = []


class ReschedulerArgs(_Args):
    cpu_threshold: Annotated[float, Meta(gt=0, le=100)] = 80.0
    memory_threshold: Annotated[float, Meta(gt=0, le=100)] = 80.0


class NoArgs(_Args):
    pass


ARGS: dict[str, type[_Args]] = {
    "TargetLoadPacking": TargetLoadPackingArgs,
    "NodeResourcesAllocatable": NodeResourcesAllocatableArgs,
    "Rescheduler": ReschedulerArgs,
}

PHASES: dict[str, tuple[str, ...]] = {
    "Rescheduler": ("filter", "score", "reserve", "preBind"),
    "Coscheduling": ("preFilter", "postFilter", "permit", "reserve"),
    "CapacityScheduling": ("preFilter", "postFilter", "reserve"),
    "NodeResourceTopologyMatch": ("preFilter", "filter", "score", "reserve", "postBind"),
    "NodeResourcesAllocatable": ("score",),
    "TargetLoadPacking": ("score",),
    "LoadVariationRiskBalancing": ("score",),
    "PreemptionToleration": ("postFilter",),
    "PodState": ("score",),
    "QoS": ("preFilter", "queueSort"),
    "SySched": ("score",),
    "Trimaran": ("score",),
    "LowRiskOverCommitment": ("score",),
    "Peaks": ("score",),
    "NetworkOverhead": ("preFilter", "filter", "score"),
    "TopologicalSort": ("queueSort",),
    "NodeMetadata": ("score",),
    "CrossNodePreemption": ("postFilter",),
}


def _positive_weights(args: dict[str, Any]) -> list[Problem]:
    return [
        Problem(f"resources[{index}].weight", "must be positive")
        for index, resource in enumerate(args.get("resources", []))
        if resource.get("weight", 1) <= 0
    ]


def a_catalogue() -> Catalogue:
    return {
        name: PluginInfo(
            name=name,
            doc=f"{name}, for tests.",
            maturity="beta",
            phases=phases,
            args_schema=msgspec.json.schema(ARGS.get(name, NoArgs)),
            defaults={},
            aliases=("QOSSort",) if name == "QoS" else (),
            check=_positive_weights if name == "NodeResourcesAllocatable" else None,
        )
        for name, phases in PHASES.items()
    }


CATALOGUE = a_catalogue()

HEAD = "apiVersion: policy.trimtab.dev/v1alpha1\nkind: SchedulingPolicy\n"
A_POLICY = f"""{HEAD}metadata: {{name: default}}
scoring: {{scale: wide}}
profiles:
- schedulerName: default-scheduler
  plugins:
    multiPoint:
      enabled:
      - name: Coscheduling
    filter:
      enabled:
      - name: NodeResourceTopologyMatch
        mode: enforce
      disabled: []
    score:
      enabled:
      - {{name: TargetLoadPacking, weight: 2}}
  pluginConfig:
  - name: TargetLoadPacking
    args: {{targetUtilization: 40, defaultRequestsMultiplier: "1.5",
           metricProvider: {{type: Prometheus, address: http://prometheus:9090}}}}
"""


def a_policy(weight: int = 1, plugin: str = "PodState") -> bytes:
    """A small good policy that differs by its weight and plugin."""
    body = f"profiles:\n- plugins: {{score: {{enabled: [{{name: {plugin}, weight: {weight}}}]}}}}\n"
    return (HEAD + body).encode()
