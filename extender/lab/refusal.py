"""Answers of an API server that are not the object asked for: the Status kind, worded as kube-apiserver words it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from extender.lab.kinds import Served


class Refusal(Exception):
    """A request that ends in a Status instead of an object."""

    def __init__(
        self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None, plain: str = ""
    ) -> None:
        super().__init__(message or plain)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.plain = plain
        """If set, the answer is this text: paths outside any API group are answered so."""

    @property
    def body(self) -> bytes:
        return self.plain.encode() if self.plain else status_body("Failure", self)

    @property
    def content_type(self) -> str:
        return "text/plain; charset=utf-8" if self.plain else "application/json"


def status_body(status: str, refusal: Refusal | None = None, *, code: int = 0, details: object = None) -> bytes:
    """A Status object; keys in the server's order, absent ones left out."""
    tree: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": status}
    if refusal is not None:
        tree["message"] = refusal.message
        if refusal.reason:
            tree["reason"] = refusal.reason
        code, details = refusal.code, refusal.details
    if details is not None:
        tree["details"] = details
    if code:
        tree["code"] = code
    return orjson.dumps(tree) + b"\n"


def _details(kind: Served, name: str) -> dict[str, str]:
    group = {"group": kind.group} if kind.group else {}
    return {"name": name, **group, "kind": kind.plural}


def not_found(kind: Served, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{kind.qualified} "{name}" not found', _details(kind, name))


def already_exists(kind: Served, name: str) -> Refusal:
    return Refusal(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', _details(kind, name))


def modified(kind: Served, name: str) -> Refusal:
    """The caller's resourceVersion is not the newest."""
    return conflict(
        kind, name, "the object has been modified; please apply your changes to the latest version and try again"
    )


def conflict(kind: Served, name: str, why: str, place: str = "") -> Refusal:
    place = place or kind.qualified
    details = _details(kind, name) | ({"kind": place} if place != kind.qualified else {})
    return Refusal(409, "Conflict", f'Operation cannot be fulfilled on {place} "{name}": {why}', details)


def immutable_uid(kind: Served, name: str, asked: str) -> Refusal:
    """A PATCH that would change the UID; the server finds that twice."""
    why = f'Invalid value: "{asked}": field is immutable'
    cause = {"reason": "FieldValueInvalid", "message": why, "field": "metadata.uid"}
    group = {"group": kind.group} if kind.group else {}
    details = {"name": name, **group, "kind": kind.kind, "causes": [cause, cause]}
    return Refusal(422, "Invalid", f'{kind.kind} "{name}" is invalid: metadata.uid: {why}', details)


def wrong_uid(kind: Served, name: str, asked: str, found: str) -> Refusal:
    why = (
        f"the UID in the precondition ({asked}) does not match the UID in record ({found}). "
        "The object might have been deleted and then recreated"
    )
    return conflict(kind, name, why, kind.kind)


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def method_not_allowed() -> Refusal:
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", message, {})


def unknown_resource() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource", {})


def unknown_path() -> Refusal:
    return Refusal(404, "", "", plain="404 page not found\n")


def unsupported_media_type() -> Refusal:
    return Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def no_strategic_patch() -> Refusal:
    """Kinds that a CRD defines have no merge strategies."""
    types = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    message = f"the body of the request was in an unknown format - accepted media types include: {types}"
    return Refusal(415, "UnsupportedMediaType", message)


def too_large() -> Refusal:
    return Refusal(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")


def invalid_field(kind: Served, name: str, field: str, why: str, reason: str = "FieldValueInvalid") -> Refusal:
    """An object that its kind's own rules refuse. `why` begins with the rule: `Required value: ...`."""
    group = {"group": kind.group} if kind.group else {}
    cause = {"reason": reason, "message": why, "field": field}
    who = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details = {"name": name, **group, "kind": kind.kind, "causes": [cause]}
    return Refusal(422, "Invalid", f'{who} "{name}" is invalid: {field}: {why}', details)


def unknown_dry_run(options: str, asked: list[str]) -> Refusal:
    """`options`: the kind of options that the method takes, as CreateOptions."""
    why = f'Unsupported value: {orjson.dumps(asked).decode()}: supported values: "All"'
    cause = {"reason": "FieldValueNotSupported", "message": why, "field": "dryRun"}
    details = {"group": "meta.k8s.io", "kind": options, "causes": [cause]}
    return Refusal(422, "Invalid", f'{options}.meta.k8s.io "" is invalid: dryRun: {why}', details)


def no_dry_run(what: str) -> Refusal:
    """The real one has it; the lab says so in place of doing it in earnest."""
    return bad_request(f"the lab has no dry run of {what}")


def invalid_options(field: str, why: str) -> Refusal:
    """List options that contradict each other."""
    cause = {"reason": "FieldValueForbidden", "message": f"Forbidden: {why}", "field": field}
    message = f'ListOptions.meta.k8s.io "" is invalid: {field}: Forbidden: {why}'
    details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]}
    return Refusal(422, "Invalid", message, details)


def version_ahead(asked: int, current: int) -> Refusal:
    """The caller has seen a future that this server does not know."""
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return Refusal(504, "Timeout", message, details)


def version_gone(asked: int, oldest: int) -> Refusal:
    """A watch that would have to begin before the history that is kept."""
    return Refusal(410, "Expired", f"too old resource version: {asked} ({oldest})")


def page_gone() -> Refusal:
    """The rest of a list whose first page is too long ago."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
        "the results. Continuing with the provided token results in an inconsistent list - objects that were "
        "created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
    )
    return Refusal(410, "Expired", message)
