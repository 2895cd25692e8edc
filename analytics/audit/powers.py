"""What RBAC objects grant, as far as it is power over scheduling, and what admission configuration touches."""

from __future__ import annotations

from typing import Any

from analytics.audit.podspec import Tree, text, tree, trees

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_CHANGES = frozenset({"create", "update", "patch"})
_POWERS = (
    ("pods/binding", "", frozenset({"create"})),
    ("bindings", "", frozenset({"create"})),
    ("pods/eviction", "", frozenset({"create"})),
    ("nodes", "", _WRITES),
    ("nodes/status", "", _WRITES),
    ("nodes/proxy", "", _WRITES | {"get"}),
    ("priorityclasses", "scheduling.k8s.io", _WRITES),
)
_VERBS = ("bind", "escalate", "impersonate")
_ALL_ROLES = frozenset({"cluster-admin", "system:masters", "system:kube-scheduler", "system:node"})


def granted(body: Tree) -> tuple[str, ...]:
    """Powers by name: `wildcard`, `role cluster-admin`, `pods/binding`, `escalate`, ..."""
    role = text(tree(body.get("roleRef")).get("name"))
    found = [f"role {role}"] if role in _ALL_ROLES else []
    for rule in trees(body.get("rules")):
        found += _of_rule(rule)
    return tuple(dict.fromkeys(found))


def _of_rule(rule: Tree) -> list[str]:
    verbs, resources, groups = (_texts(rule.get(key)) for key in ("verbs", "resources", "apiGroups"))
    if "*" in resources and "*" in verbs:
        return ["wildcard"]
    found = [verb for verb in _VERBS if verb in verbs]
    for resource, group, wanted in _POWERS:
        names = {resource, "*"} | ({f"{resource.partition('/')[0]}/*", f"*/{resource.partition('/')[2]}"} & resources)
        if names & resources and ("*" in verbs or wanted & verbs) and (group in groups or "*" in groups):
            found.append(resource)
    return found


def subjects(body: Tree) -> tuple[str, ...]:
    """To whom a binding grants, by the names that the audit log uses for them."""
    return tuple(_named(one) for one in trees(body.get("subjects")))


def _named(subject: Tree) -> str:
    name = text(subject.get("name"))
    if subject.get("kind") == "ServiceAccount":
        return f"system:serviceaccount:{text(subject.get('namespace'))}:{name}"
    return name


def touches_pods(body: Tree) -> bool:
    """Admission configuration that is asked when pods are created or changed; a policy's binding may always be."""
    rules = [rule for hook in trees(body.get("webhooks")) for rule in trees(hook.get("rules"))]
    rules += trees(tree(tree(body.get("spec")).get("matchConstraints")).get("resourceRules"))
    if "policyName" in tree(body.get("spec")):
        return True
    return any(_of_pods(rule) for rule in rules)


def _of_pods(rule: Tree) -> bool:
    resources, operations = _texts(rule.get("resources")), _texts(rule.get("operations"))
    asked = not operations or "*" in operations or bool({"CREATE", "UPDATE"} & operations)
    return asked and bool({"pods", "pods/*", "pods/binding", "*", "*/*"} & resources)


def _texts(value: Any) -> set[str]:
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()
