"""Arguments of one plugin against its schema: every problem with its path and, for names, the nearest known one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from extender.policy.catalogue import PluginInfo
from extender.policy.problem import Findings, Problem, at, below, nearest, one_of, shown
from extender.policy.structure import kind_of

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

UPSTREAM_MARKS = ("apiVersion", "kind")
"""Stand in the args of a pasted KubeSchedulerConfiguration; they say nothing here."""

_TYPE_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def own_args(info: PluginInfo, args: Mapping[str, Any]) -> dict[str, Any]:
    """The args without upstream's apiVersion and kind."""
    declared = root_of(info.args_schema).get("properties", {})
    return {key: value for key, value in args.items() if key in declared or key not in UPSTREAM_MARKS}


def root_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with a top-level `$ref` into itself replaced by what it points at; `$defs` stay."""
    reference = schema.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return dict(schema)
    target = schema.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
    return {**{key: value for key, value in schema.items() if key != "$ref"}, **target}


def check_shape(info: PluginInfo, args: dict[str, Any], path: str, findings: Findings) -> bool:
    """Hold the args against the schema; True if they fit."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 0.1 s that only a policy with args needs to spend

    before = findings.count
    for error in Draft202012Validator(info.args_schema).iter_errors(args):
        for cause in _causes(error):
            for problem in _told(cause):
                findings.wrong(below(path, problem.path), problem.message, problem.hint)
    return findings.count == before


def check_meaning(info: PluginInfo, args: dict[str, Any], path: str, findings: Findings) -> None:
    """What the plugin itself has to say about args of the right shape."""
    if info.check is None:
        return
    try:
        problems = info.check(args)
    except Exception as fault:  # noqa: BLE001 - a third party's check must not take the policy down with it
        findings.wrong(path, f"the check of plugin {info.name} failed: {shown(str(fault))}", "report it to its author")
        return
    for problem in problems:
        findings.wrong(below(path, problem.path), problem.message, problem.hint)


def _causes(error: ValidationError) -> Iterator[ValidationError]:
    """Of `anyOf` and `oneOf` the branch that came closest, else the error itself."""
    if error.validator not in ("anyOf", "oneOf") or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    of_type = [branch for branch in branches.values() if not _is_other_type(branch)]
    if len(of_type) == 1:
        for inner in of_type[0]:
            yield from _causes(inner)
    else:
        yield error


def _is_other_type(branch: list[ValidationError]) -> bool:
    return any(inner.validator == "type" and not inner.path for inner in branch)


def _told(error: ValidationError) -> Iterator[Problem]:
    path = ""
    for step in error.absolute_path:
        path = at(path, step)
    # jsonschema's own types say that these may be unset; in an error that was reported they never are.
    instance: Any = error.instance
    limit: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "additionalProperties" and limit is False:
        known = list(schema.get("properties", {}))
        for key in instance:
            if key not in known:
                yield Problem(at(path, key), f"unknown field {shown(key)}", nearest(key, known))
    elif error.validator == "required":
        # One error per missing field; only its message says which.
        for key in limit:
            if key not in instance and error.message.startswith(repr(key)):
                yield Problem(at(path, key), "missing")
    else:
        yield _misfit(str(error.validator), instance, limit, path)


def _misfit(rule: str, instance: Any, limit: Any, path: str) -> Problem:
    found = kind_of(instance)
    if rule == "type":
        return Problem(path, f"want {_type_words(limit)}, got {found}")
    if rule == "enum":
        choices = [str(choice) for choice in limit]
        hint = nearest(instance, choices) if isinstance(instance, str) else one_of(choices)
        return Problem(path, f"unknown value {found}", hint)
    if rule in _BOUNDS:
        return Problem(path, f"{found} is out of bounds", f"{_BOUNDS[rule]} {limit}")
    return Problem(path, f"{found} does not fit: {rule} {shown(limit)}")


_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


def _type_words(kinds: Any) -> str:
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    return " or ".join(_TYPE_WORDS.get(name, name) for name in names)
