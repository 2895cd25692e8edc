"""Whose pods a canary counts for: by namespace, by label, and by a share of owners that is always the same.

The share goes by the hash of namespace and controller, so that all pods of a workload stand on one side, today and
after a restart. A ReplicaSet is one revision of a Deployment: its name counts without the template's hash. All
canaries hash alike: one of 10 % concerns the same owners whatever its plugin, and raising it keeps them in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b

from extender.model.pod import Pod
from extender.policy.modes import Canary, LabelExpression

_TEMPLATE_LABEL = "pod-template-hash"
# What Kubernetes makes such hashes of.
_TEMPLATE_HASH = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5,10}$")
_PLACES = 2**64


class Audience:
    def __init__(self, canary: Canary) -> None:
        self.canary = canary
        self._namespaces = frozenset(canary.namespaces)
        self._least = int(canary.percent / 100 * _PLACES)
        """Places below this one are in."""
        terms = [_is(key, value) for key, value in canary.pod_selector.match_labels.items()]
        self._terms = (*terms, *(_meets(expression) for expression in canary.pod_selector.match_expressions))

    def includes(self, pod: Pod) -> bool:
        if self._namespaces and pod.namespace not in self._namespaces:
            return False
        if not all(term(pod.labels) for term in self._terms):
            return False
        return self._least == _PLACES or place_of(owner_of(pod)) < self._least


def owner_of(pod: Pod) -> str:
    """namespace/Kind/name of the workload; a pod that nobody controls is its own."""
    kind, _, name = pod.owner.partition("/")
    if not name:
        kind, name = "Pod", pod.name
    elif kind == "ReplicaSet":
        told = pod.labels.get(_TEMPLATE_LABEL)
        name = name.removesuffix(f"-{told}") if told else _TEMPLATE_HASH.sub("", name)
    return f"{pod.namespace}/{kind}/{name}"


def place_of(owner: str) -> int:
    """Where an owner stands, evenly spread over 0 .. 2^64 - 1."""
    return int.from_bytes(blake2b(owner.encode(), digest_size=8).digest())


_Term = Callable[[Mapping[str, str]], bool]


def _is(key: str, value: str) -> _Term:
    return lambda labels: labels.get(key) == value


def _meets(expression: LabelExpression) -> _Term:
    key, values = expression.key, frozenset(expression.values)
    match expression.operator:
        case "In":
            return lambda labels: labels.get(key) in values
        case "NotIn":
            return lambda labels: labels.get(key) not in values
        case "Exists":
            return lambda labels: key in labels
        case _:
            return lambda labels: key not in labels
