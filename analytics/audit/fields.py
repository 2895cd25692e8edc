"""The names that conditions may use, with the type of each and how it is read.

Beside these: `request.PATH` and `response.PATH`, where a part ending in `[]` stands for every element of a list and a
part in brackets is one key (`request.metadata.labels[app.kubernetes.io/name]`), and `annotation[KEY]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Literal

from analytics.audit import podspec, powers
from analytics.audit.facts import Facts
from analytics.audit.record import AuditEvent
from analytics.audit.scheduling import kind_of

Type = Literal["text", "texts", "number", "flag", "values"]
_PART = re.compile(r"(?:^|\.)([A-Za-z0-9_-]+)|(\[\])|\[([^\]\[]+)\]")
_MOST = 1000
"""Values that one path may stand for."""


@dataclass(frozen=True, slots=True)
class Field:
    type: Type
    read: Callable[[Facts], Any]
    doc: str


def _allowed(facts: Facts) -> str:
    return facts.event.annotations.get("authorization.k8s.io/decision", "")


FIELDS: dict[str, Field] = {
    "verb": Field("text", lambda f: f.event.verb, "get, list, watch, create, update, patch, delete, ..."),
    "kind": Field("text", lambda f: kind_of(f.event, f.context.scheduler_identities), "what it is for scheduling"),
    "stage": Field("text", lambda f: f.event.stage, "ResponseStarted, ResponseComplete or Panic"),
    "level": Field("text", lambda f: f.event.level, "Metadata, Request or RequestResponse"),
    "code": Field("number", lambda f: f.event.code, "HTTP status of the answer; 0 where it is not said"),
    "decision": Field("text", _allowed, "allow or forbid, by the authorizer"),
    "uri": Field("text", lambda f: f.event.request_uri, "path and query"),
    "agent": Field("text", lambda f: f.event.user_agent, "what the client calls itself"),
    "program": Field("text", lambda f: f.event.user_agent.partition("/")[0], "the agent up to its slash"),
    "address": Field("text", lambda f: (f.event.source_ips or ("",))[-1], "the last address: not forged"),
    "user": Field("text", lambda f: f.event.user, "who asked"),
    "groups": Field("texts", lambda f: f.event.groups, "of the user"),
    "impersonated": Field("text", lambda f: f.event.impersonated, "as whom the user acted"),
    "user.namespace": Field("text", lambda f: f.account_namespace, "of a service account"),
    "user.is_system": Field("flag", lambda f: f.is_system, "control plane, kubelet or scheduler"),
    "user.is_controller": Field("flag", lambda f: f.context.is_controller(f.event.user), "control plane"),
    "user.is_kubelet": Field("flag", lambda f: f.context.is_kubelet(f.event.user), "a node's own identity"),
    "user.is_scheduler": Field("flag", lambda f: f.context.is_scheduler(f.event.user), "a known scheduler"),
    "user.is_administrator": Field("flag", lambda f: f.is_administrator, "a known administrator"),
    "user.is_tenant": Field("flag", lambda f: f.is_tenant, "neither system nor administrator"),
    "user.is_anonymous": Field("flag", lambda f: f.is_anonymous, "not authenticated"),
    "user.is_owner": Field("flag", lambda f: f.is_owner, "created the pod, or has an account in its namespace"),
    "resource": Field("text", lambda f: f.event.resource, "plural, as in pods"),
    "subresource": Field("text", lambda f: f.event.subresource, "as in binding"),
    "group": Field("text", lambda f: f.event.api_group, "API group; empty for the core"),
    "namespace": Field("text", lambda f: f.event.namespace, "of the object"),
    "name": Field("text", lambda f: f.event.name, "of the object"),
    "object": Field("text", lambda f: f.event.object, "as in pods/team-a/web-0"),
    "namespace.is_system": Field(
        "flag", lambda f: f.event.namespace in f.context.system_namespaces, "a system namespace"
    ),
    "tenant": Field("text", lambda f: f.tenant, "of the namespace; where none is declared, the namespace"),
    "action": Field("text", lambda f: f"{f.event.verb} {f.event.resource or f.event.request_uri}", "verb and resource"),
    "changed": Field("texts", lambda f: f.changed, "paths that the request sets or removes"),
    "pod.is_there": Field("flag", lambda f: bool(f.spec), "the event holds the body of a pod"),
    "pod.node": Field("text", lambda f: podspec.text(f.spec.get("nodeName")), "spec.nodeName"),
    "pod.scheduler": Field("text", lambda f: podspec.text(f.spec.get("schedulerName")), "spec.schedulerName"),
    "pod.class": Field("text", lambda f: podspec.text(f.spec.get("priorityClassName")), "spec.priorityClassName"),
    "pod.priority": Field("number", lambda f: f.priority, "resolved by the server, or of the class"),
    "pod.above_tenant": Field("flag", lambda f: f.above_tenant, "priority above the tenant's maximum"),
    "pod.account": Field("text", lambda f: podspec.text(f.spec.get("serviceAccountName")), "spec.serviceAccountName"),
    "pod.owner": Field("text", lambda f: f.owner, "its controller, as in ReplicaSet/web-5d9, or the object itself"),
    "pod.pins": Field("texts", lambda f: f.pins, "label=value that nodes must have"),
    "pod.tolerates": Field("texts", lambda f: f.tolerates, "keys of taints; * for every taint"),
    "pod.privileged": Field("flag", lambda f: podspec.privileged(f.securities), "some container is"),
    "pod.host": Field("texts", lambda f: podspec.host_namespaces(f.spec), "hostNetwork, hostPID, ..."),
    "pod.host_paths": Field("texts", lambda f: podspec.host_paths(f.spec), "paths of the host that are mounted"),
    "pod.capabilities": Field("texts", lambda f: podspec.capabilities(f.securities), "added, as in SYS_ADMIN"),
    "pod.cpu_milli": Field("number", lambda f: f.cpu_milli, "requested, thousandths of a core"),
    "pod.devices": Field("number", lambda f: f.devices, "requested GPUs and other extended resources"),
    "rbac.powers": Field("texts", lambda f: f.powers, "wildcard, role cluster-admin, pods/binding, escalate, ..."),
    "rbac.subjects": Field("texts", lambda f: powers.subjects(f.body), "to whom a binding grants"),
    "rbac.actors": Field("texts", lambda f: f.actors, "the user and the subjects"),
    "admission.touches_pods": Field("flag", lambda f: powers.touches_pods(f.body), "it is asked about pods"),
}


WHO = frozenset(
    {
        "verb",
        "resource",
        "subresource",
        "code",
        "stage",
        "agent",
        "program",
        "address",
        "user",
        "groups",
        "impersonated",
        "user.namespace",
        "user.is_system",
        "user.is_controller",
        "user.is_kubelet",
        "user.is_scheduler",
        "user.is_administrator",
        "user.is_tenant",
        "user.is_anonymous",
        "namespace",
        "namespace.is_system",
    }
)
"""Fields that follow from `who` and the detector's context alone: many events agree in them."""


def who(event: AuditEvent, outcome: str) -> tuple[Hashable, ...]:
    """Equal for events that agree in all fields of WHO."""
    return (
        event.user,
        event.verb,
        event.resource,
        event.subresource,
        event.namespace,
        event.code,
        outcome,
        event.stage,
        event.user_agent,
        event.source_ips[-1:],
        event.groups,
        event.impersonated,
    )


def field_named(name: str) -> Field:
    """Raises KeyError for a name that means nothing."""
    if name in FIELDS:
        return FIELDS[name]
    head, rest = re.split(r"(?=[.\[])", name, maxsplit=1) if re.search(r"[.\[]", name) else (name, "")
    parts = _parts(rest)
    if not parts or head not in ("request", "response", "annotation"):
        raise KeyError(name)
    if head == "annotation":
        if len(parts) != 1:
            raise KeyError(name)
        return Field("text", lambda f, key=parts[0]: f.event.annotations.get(key, ""), "of the event")  # type: ignore[misc]
    if head == "request":
        return Field("values", lambda f: _values(f.body, parts), "of the body")
    return Field("values", lambda f: _values(f.event.response, parts), "of the answer")


def _parts(text: str) -> list[str]:
    """Of `.spec.containers[].name`: spec, containers, [], name. Empty for what cannot be read."""
    found, at = [], 0
    for match in _PART.finditer(text):
        if match.start() != at:
            return []
        found.append(match[1] or match[2] or match[3])
        at = match.end()
    return found if at == len(text) else []


def _values(found: Any, parts: list[str]) -> tuple[Any, ...]:
    """Plain values at a path; an object counts as `True`: it is there."""
    places = [found]
    for part in parts:
        following: list[Any] = []
        for place in places:
            if part == "[]":
                following += place[:_MOST] if isinstance(place, list) else ()
            elif isinstance(place, dict) and part in place:
                following.append(place[part])
        places = following[:_MOST]
    flat = [one for place in places for one in (place if isinstance(place, list) else (place,))][:_MOST]
    return tuple(True if isinstance(one, dict | list) else one for one in flat if one is not None)
