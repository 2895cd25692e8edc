"""From a URL path to what it names."""

from __future__ import annotations

from dataclasses import dataclass

from extender.lab.kinds import NAMESPACES, Served, groups, served
from extender.lab.refusal import unknown_path, unknown_resource


@dataclass(frozen=True, slots=True)
class Target:
    """A collection (no name), an object, or a subresource of one."""

    kind: Served
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def target(path: str) -> Target:
    """Raises Refusal (404): a Status inside a known API group, plain text outside."""
    match path.strip("/").split("/"):
        case ["api", "v1", *rest] if rest:
            return _within("", "v1", rest)
        case ["apis", group, version, *rest] if rest and (group, version) in groups():
            return _within(group, version, rest)
    raise unknown_path()


def _within(group: str, version: str, rest: list[str]) -> Target:
    match rest:
        case ["namespaces", namespace, plural, *tail] if served(group, version, plural) not in (None, NAMESPACES):
            return _named(group, version, plural, tail, namespace)
        case [plural, *tail]:
            return _named(group, version, plural, tail, "")
    raise unknown_resource()


def _named(group: str, version: str, plural: str, tail: list[str], namespace: str) -> Target:
    kind = served(group, version, plural)
    if kind is None or (namespace and not kind.namespaced):
        raise unknown_resource()
    match tail:
        case []:
            return Target(kind, namespace)
        case [name] if namespace or not kind.namespaced:
            return Target(kind, namespace, name)
        case [name, sub] if sub in kind.subresources and (namespace or not kind.namespaced):
            return Target(kind, namespace, name, sub)
    raise unknown_resource()
