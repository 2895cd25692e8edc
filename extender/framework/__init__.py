"""Everything a plugin author may import, and no more.

Lives here: what a plugin is, how its rule is bound, looped and compiled, how raw scores become 0..100.
Never here: a plugin, an HTTP call, a Kubernetes client. A plugin imports this package and nothing behind it.
"""

from extender.framework.declaration import (
    PASSED,
    Args,
    Assignment,
    Book,
    CaseView,
    Cycle,
    Filter,
    Kind,
    LedgerBook,
    Maturity,
    NoArgs,
    NodeBook,
    Normalize,
    Plugin,
    PostBind,
    PreBind,
    PreFilter,
    Prepare,
    QueuedPod,
    QueueSort,
    QueueView,
    Rejection,
    Reserve,
    ReserveOnNode,
    Score,
    Status,
    Tending,
)
from extender.framework.load_source import LoadArgs, MetricProvider, provider_problems, source_of, with_provider
from extender.model.columns import CPU, EPHEMERAL, MEMORY, PODS, NodeTable
from extender.model.events import Object
from extender.model.load_source import LoadSource, Provider
from extender.model.node import Node, Taint
from extender.model.pod import Container, Pod, Quantities
from extender.model.resources import Resources, request_eq, request_k8s, resources_of
from extender.model.verdict import Code, Phase
from extender.quantity import MAX_INT64, QuantityError, milli, value

__all__ = [
    "CPU",
    "EPHEMERAL",
    "MAX_INT64",
    "MEMORY",
    "PASSED",
    "PODS",
    "Args",
    "Assignment",
    "Book",
    "CaseView",
    "Code",
    "Container",
    "Cycle",
    "Filter",
    "Kind",
    "LedgerBook",
    "LoadArgs",
    "LoadSource",
    "Maturity",
    "MetricProvider",
    "NoArgs",
    "Node",
    "NodeBook",
    "NodeTable",
    "Normalize",
    "Object",
    "Phase",
    "Plugin",
    "Pod",
    "PostBind",
    "PreBind",
    "PreFilter",
    "Prepare",
    "Provider",
    "Quantities",
    "QuantityError",
    "QueueSort",
    "QueueView",
    "QueuedPod",
    "Rejection",
    "Reserve",
    "ReserveOnNode",
    "Resources",
    "Score",
    "Status",
    "Taint",
    "Tending",
    "milli",
    "provider_problems",
    "request_eq",
    "request_k8s",
    "resources_of",
    "source_of",
    "value",
    "with_provider",
]
