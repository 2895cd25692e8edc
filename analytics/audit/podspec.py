"""What a pod asks for, out of the body of a pod or of anything that holds a template of pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from extender import quantity

_TEMPLATES = {
    "deployments": ("spec", "template"),
    "daemonsets": ("spec", "template"),
    "statefulsets": ("spec", "template"),
    "replicasets": ("spec", "template"),
    "replicationcontrollers": ("spec", "template"),
    "jobs": ("spec", "template"),
    "cronjobs": ("spec", "jobTemplate", "spec", "template"),
    "podtemplates": ("template",),
}
RESOURCES = frozenset({"pods", *_TEMPLATES})
"""Whose bodies hold a pod."""
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_MOST = 1000
"""Entries of any one list that are looked at."""
Tree = dict[str, Any]


def pod_in(resource: str, body: Tree) -> Tree:
    """The pod's own tree, with `metadata` and `spec`; empty where there is none."""
    found: Any = body
    for key in _TEMPLATES.get(resource, ()):
        found = tree(found).get(key)
    return tree(found)


def tree(value: Any) -> Tree:
    return value if isinstance(value, dict) else {}


def trees(value: Any) -> Iterator[Tree]:
    """Objects in a list; whatever else stands there is passed over."""
    return (one for one in (value[:_MOST] if isinstance(value, list) else ()) if isinstance(one, dict))


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def containers(spec: Tree) -> Iterator[Tree]:
    for key in _CONTAINERS:
        if key in spec:
            yield from trees(spec[key])


def host_namespaces(spec: Tree) -> tuple[str, ...]:
    """Which of the host's namespaces the pod shares."""
    found = [key for key in _HOST if spec.get(key) is True]
    if "securityContext" in spec:
        options = tree(tree(spec["securityContext"]).get("windowsOptions"))
        if options.get("hostProcess") is True:
            found.append("hostProcess")
    return tuple(found)


def securities(spec: Tree) -> tuple[Tree, ...]:
    """The securityContext of each container that has one."""
    return tuple(tree(one["securityContext"]) for one in containers(spec) if "securityContext" in one)


def privileged(each: Iterable[Tree]) -> bool:
    """`each`: of containers, as `securities` has them."""
    return any(one.get("privileged") is True for one in each)


def capabilities(each: Iterable[Tree]) -> tuple[str, ...]:
    """Added ones, without the CAP_ that some write. `each`: of containers, as `securities` has them."""
    found: list[str] = []
    for one in each:
        added = tree(one.get("capabilities")).get("add")
        if isinstance(added, list):
            found += [name.upper().removeprefix("CAP_") for name in added[:_MOST] if isinstance(name, str)]
    return tuple(found)


def host_paths(spec: Tree) -> tuple[str, ...]:
    if "volumes" not in spec:
        return ()
    volumes = (one.get("hostPath") for one in trees(spec.get("volumes")))
    return tuple(text(one.get("path")) or "/" for one in volumes if isinstance(one, dict))


def tolerations(spec: Tree) -> tuple[str, ...]:
    """Keys of tolerated taints; `*` for one that tolerates every taint."""
    if "tolerations" not in spec:
        return ()
    return tuple(text(one.get("key")) or "*" for one in trees(spec["tolerations"]))


def pins(spec: Tree) -> tuple[str, ...]:
    """What nodes must be: `label=value` for each label that is required to have one value or one of some."""
    selector = spec.get("nodeSelector")
    found = [f"{key}={value}" for key, value in selector.items()] if isinstance(selector, dict) else []
    if "affinity" not in spec:
        return tuple(found)
    node = tree(tree(spec["affinity"]).get("nodeAffinity"))
    required = tree(node.get("requiredDuringSchedulingIgnoredDuringExecution"))
    for term in trees(required.get("nodeSelectorTerms")):
        for one in trees(term.get("matchExpressions")):
            found += _pinned(one)
        for one in trees(term.get("matchFields")):
            found += _pinned(one)
    return tuple(found)


def _pinned(requirement: Tree) -> list[str]:
    key, values = text(requirement.get("key")), requirement.get("values")
    if requirement.get("operator") == "Exists":
        return [f"{key}="]
    if requirement.get("operator") == "In" and isinstance(values, list):
        return [f"{key}={value}" for value in values[:_MOST]]
    return []


def cpu_milli(spec: Tree) -> int:
    return sum(_amount(one, "cpu", 1) for one in trees(spec.get("containers")))


def devices(spec: Tree) -> int:
    """GPUs and other extended resources, whole."""
    return sum(
        _amount(one, name, 1000)
        for one in trees(spec.get("containers"))
        for name in _asked(one)
        if "/" in name and "kubernetes.io/" not in name
    )


def _asked(container: Tree) -> Tree:
    if "resources" not in container:
        return {}
    asked = tree(container["resources"])
    return {**tree(asked.get("limits")), **tree(asked.get("requests"))}


def _amount(container: Tree, name: str, divisor: int) -> int:
    given = _asked(container).get(name, 0)
    try:
        return quantity.milli(given) // divisor if isinstance(given, str | int | float) else 0
    except (ValueError, OverflowError):
        return 0  # the server refuses it too
