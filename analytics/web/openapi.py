"""openapi.json, made from the declarations that routes and checks are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from analytics import __version__
from analytics.views.declaration import Endpoint, View
from analytics.web.parameters import schema_of

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


def describe(views: Sequence[View]) -> bytes:
    """The document, as JSON."""
    paths = {endpoint.path: _path(view, endpoint) for view in views for endpoint in view.endpoints}
    paths |= {
        "/api/v1/extender": {"get": _plain("The policy in effect, as the extender says.", "application/json")},
        "/api/v1/events": {"get": _plain("Live events (SSE): decisions, resync.", "text/event-stream")},
        "/api/v1/openapi.json": {"get": _plain("This document.", "application/json")},
        "/health": {"get": _health()},
        "/metrics": {"get": _plain("Metrics in the Prometheus text format.", "text/plain")},
    }
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Trimtab console", "version": __version__},
            "paths": paths,
            "components": {"schemas": {"Error": _ERROR, "Success": _SUCCESS, "Health": _HEALTH}},
        },
        option=orjson.OPT_INDENT_2,
    )


def _path(view: View, endpoint: Endpoint) -> dict[str, Any]:
    media = "text/plain" if endpoint.text else "application/json"
    schema: dict[str, Any] = {"type": "string"} if endpoint.text else {"$ref": "#/components/schemas/Success"}
    answers = {"200": {"description": "As asked.", "content": {media: {"schema": schema}}}}
    return {
        "get": {
            "tags": [view.slug],
            "summary": endpoint.summary,
            "parameters": [
                {
                    "name": parameter.name,
                    "in": "path" if f"{{{parameter.name}}}" in endpoint.path else "query",
                    "required": f"{{{parameter.name}}}" in endpoint.path,
                    "description": parameter.doc,
                    "schema": schema_of(parameter),
                }
                for parameter in endpoint.parameters
            ],
            "responses": answers | {code: _error(text) for code, text in _FAILURES.items()},
        }
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


def _health() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
    return {
        "summary": "Is the sidecar well?",
        "responses": {
            "200": {"description": "Well.", "content": content},
            "503": {"description": "Not well; `checks` says what.", "content": content},
        },
    }
