"""What a call is: declared once, so that routes, rights, limits, audit and openapi.json agree."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

import msgspec

from analytics.control import metrics
from analytics.control.caller import Caller, Right
from analytics.views.declaration import Parameter
from extender.control.problems import Refused

JSON_BYTES_MAX = 1 << 20
PLUGIN_MANAGER = "plugin-manager"
"""The tool that the policy belongs to."""
ARCHIVE_BYTES_MAX = 16 << 20


class Body(Enum):
    """What a call takes, and under which content types."""

    NONE = ()
    JSON = ("application/json",)
    POLICY = ("application/json", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
    ARCHIVE = ("application/gzip", "application/x-gzip", "application/octet-stream")

    @property
    def bytes_max(self) -> int:
        return ARCHIVE_BYTES_MAX if self is Body.ARCHIVE else JSON_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as its answer sees it."""

    caller: Caller
    given: Mapping[str, Any]
    """Parameters by name."""
    body: Any
    """JSON: the decoded value, None when there is no body. Other kinds: bytes."""
    if_match: str
    """Without quotes; empty: the header is absent."""
    reason: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """`value` as JSON, or bytes under `media`."""

    value: Any
    media: str = "application/json"
    tag: str = ""
    """ETag, without quotes."""
    fresh: bool = True
    """False: a caller that holds `tag` already gets 304."""
    code: int = 200
    filename: str = ""


Answer = Callable[[Asked], Awaitable[Reply]]
"""Raises Refused, or Recorded."""


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    summary: str
    right: Right
    answer: Answer
    parameters: tuple[Parameter, ...] = ()
    body: Body = Body.NONE
    body_needed: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of a JSON body."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of the whole answer."""
    changes: bool = False
    """It writes: takes a reason and `dryRun`."""
    dry_runs: bool = True
    """Of what `changes`: it can be tried."""
    matches: bool = False
    """It needs If-Match."""
    tool: str | None = None
    """Whose it is (R-087); empty: everybody's; None: of the tool that it is listed for."""


class Recorded(Exception):
    """A refusal that is in the audit trail already."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


Result = TypeVar("Result")


async def put_through(plugin: str, change: Awaitable[Result], *, dry_run: bool = False) -> Result:
    """A change at the desk, which audits what it does and refuses; here it is counted. Raises Recorded."""
    try:
        done = await change
    except Refused as refused:
        metrics.count_refused(plugin, refused.code)
        raise Recorded(refused) from refused
    if not dry_run:
        metrics.count_done(plugin)
    return done


def data(value: Any, **beside: Any) -> Reply:
    """`{"status": "success", "data": value}`, and what stands beside."""
    return Reply({"status": "success", "data": value, **beside})


def done(message: str, value: Any, tag: str = "") -> Reply:
    """The answer of a change."""
    return Reply({"status": "success", "message": message, "data": value}, tag=tag)


def builtins(value: Any) -> Any:
    """Structs -> what JSON knows."""
    return msgspec.to_builtins(value)
