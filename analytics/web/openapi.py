"""openapi.json, made from the declarations that routes and checks are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from analytics import __version__
from analytics.control.call import Body, Call
from analytics.control.caller import Right
from analytics.views.declaration import Endpoint, Parameter, View
from analytics.web.calls import Control, parameters_of
from analytics.web.parameters import schema_of
from analytics.web.receiver import PATH as RECEIVER

_ERROR: Final = {
    "type": "object",
    "required": ["status", "code", "reason", "message", "details", "requestId"],
    "properties": {
        "status": {"const": "error"},
        "code": {"type": "integer"},
        "reason": {"type": "string"},
        "message": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "requestId": {"type": "string"},
    },
}
_SUCCESS: Final = {
    "type": "object",
    "required": ["status", "data"],
    "properties": {"status": {"const": "success"}, "data": {}},
}
_HEALTH: Final = {
    "type": "object",
    "required": ["status", "checks"],
    "properties": {
        "status": {"enum": ["healthy", "unhealthy"]},
        "checks": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def describe(views: Sequence[View], control: Control | None = None) -> bytes:
    """The document, as JSON."""
    paths: dict[str, Any] = {endpoint.path: _path(view, endpoint) for view in views for endpoint in view.endpoints}
    for call in (call for call in control.calls if control.on(call.tool or "")) if control else ():
        paths.setdefault(call.path, {})[call.method.lower()] = _call(call)
    if any(view.slug == "audit" for view in views):
        paths[RECEIVER] = {"post": _receiver()}
    paths |= {
        "/api/v1/extender": {"get": _plain("The policy in effect, as the extender says.", "application/json")},
        "/api/v1/events": {"get": _plain("Live events (SSE): decisions, resync.", "text/event-stream")},
        "/api/v1/tools": {"get": _plain("Which tools are on, and the settings in effect.", "application/json")},
        "/api/v1/openapi.json": {"get": _plain("This document.", "application/json")},
        "/health": {"get": _health()},
        "/metrics": {"get": _plain("Metrics in the Prometheus text format.", "text/plain")},
    }
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Trimtab console", "version": __version__},
            "paths": paths,
            "components": {
                "schemas": {"Error": _ERROR, "Success": _SUCCESS, "Health": _HEALTH},
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "A token of the cluster, or the API key; none under --auth none.",
                    }
                },
            },
            "security": [{"bearer": []}, {}],
        },
        option=orjson.OPT_INDENT_2,
    )


def _path(view: View, endpoint: Endpoint) -> dict[str, Any]:
    media = "text/plain" if endpoint.text else "application/json"
    schema: dict[str, Any] = {"type": "string"} if endpoint.text else {"$ref": "#/components/schemas/Success"}
    content = {media: {"schema": schema}}
    if endpoint.files:
        content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in endpoint.files}
    answers = {"200": {"description": "As asked.", "content": content}}
    return {
        "get": {
            "tags": [view.slug],
            "summary": endpoint.summary,
            "parameters": [_parameter(parameter, endpoint.path) for parameter in endpoint.parameters],
            "responses": answers | {code: _error(text) for code, text in (_TURNED | _FAILURES).items()},
        }
    }


def _parameter(parameter: Parameter, path: str) -> dict[str, Any]:
    inside = f"{{{parameter.name}}}" in path
    return {
        "name": parameter.name,
        "in": "path" if inside else "query",
        "required": inside or parameter.required,
        "description": parameter.doc,
        "schema": schema_of(parameter),
    }


def _call(call: Call) -> dict[str, Any]:
    failures = {code: _error(text) for code, text in (_TURNED | _REFUSALS).items()}
    answers: dict[str, Any] = {"200": {"description": "Done, or as asked.", "content": _content(call)}}
    if call.right is Right.NOTHING and call.data:
        answers["503"] = {"description": "Not well; `checks` says what.", "content": _content(call)}
    described: dict[str, Any] = {
        "tags": ["control"],
        "operationId": f"{call.method.lower()}_{call.path.removeprefix('/api/v1/')}".replace("/", "_").translate(
            _PLAIN
        ),
        "summary": call.summary,
        "description": f"Role: {call.right.value}.",
        "parameters": [_parameter(parameter, call.path) for parameter in parameters_of(call)],
        "responses": failures | answers,
    }
    if call.right is Right.NOTHING:
        described["security"] = []
    if call.matches:
        described["parameters"].append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "description": "The ETag of the policy that this replaces, or *.",
                "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]+$", "maxLength": 128},
            }
        )
    if call.changes:
        described["parameters"].append(
            {
                "name": "X-Trimtab-Reason",
                "in": "header",
                "required": False,
                "description": "Why; the same as `reason`, for long ones.",
                "schema": {"type": "string", "pattern": "^[\\x20-\\x7e]*$", "maxLength": 500},
            }
        )
    if call.body is not Body.NONE:
        schema: dict[str, Any] = dict(call.schema) if call.body is Body.JSON else {"type": "string"}
        medias = call.body.value if call.body is not Body.POLICY else ("application/yaml",)
        described["requestBody"] = {
            "required": call.body_needed,
            "content": {media: {"schema": schema} for media in medias}
            | ({"application/json": {"schema": {"type": "object"}}} if call.body is Body.POLICY else {}),
        }
    return described


def _content(call: Call) -> dict[str, Any]:
    if call.path.endswith("/archive"):
        return {"application/gzip": {"schema": {"type": "string", "contentMediaType": "application/gzip"}}}
    content: dict[str, Any] = {
        "application/json": {"schema": dict(call.data) or {"$ref": "#/components/schemas/Success"}}
    }
    if any(parameter.name == "format" for parameter in call.parameters):
        content["application/yaml"] = {}
    return content


_PLAIN: Final = str.maketrans({"{": "", "}": "", ".": "_"})
_TURNED: Final = {
    "401": "No credentials, or not accepted.",
    "403": "The permission that `message` names is missing, or the call comes from another web origin.",
    "429": "Too often; Retry-After says when.",
}
_REFUSALS: Final = {
    "400": "The body cannot be read.",
    "404": "No such plugin, revision or Deployment.",
    "409": "Somebody else changed the policy meanwhile.",
    "413": "The body is too long.",
    "415": "Wrong content type.",
    "422": "`details` names each thing that is wrong.",
    "428": "If-Match is missing.",
    "503": "The cluster or the extender does not answer.",
}


_FAILURES: Final = {
    "404": "It does not exist.",
    "422": "A parameter cannot be used; `details` names each.",
    "503": "The store does not answer now.",
}


def _error(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _plain(summary: str, media: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "As asked.", "content": {media: {}}}}}


def _receiver() -> dict[str, Any]:
    codes = {
        "400": "No list of audit events.",
        "401": "Another token than that of --audit-token-file.",
        "404": "Audit events are not received here.",
        "405": "Another method than POST.",
        "408": "The body did not arrive in time.",
        "413": "The body is too long.",
        "429": "Too much is on its way into the store; Retry-After says when.",
        "503": "The store does not answer; Retry-After says when.",
    }
    return {
        "tags": ["audit"],
        "summary": "Audit events of an API server (its audit webhook); answered when they are stored.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object", "description": "audit.k8s.io/v1 EventList"}}},
        },
        "responses": {
            "200": {
                "description": "Stored.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Success"}}},
            }
        }
        | {code: _error(text) for code, text in codes.items()},
    }


def _health() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
    return {
        "summary": "Is the sidecar well?",
        "responses": {
            "200": {"description": "Well.", "content": content},
            "503": {"description": "Not well; `checks` says what.", "content": content},
        },
    }
