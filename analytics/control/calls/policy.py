"""The policy as a whole: read, write, judge, compare, try (interfaces.md §6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anyio.to_thread

from analytics.control import metrics
from analytics.control.call import Asked, Body, Call, Reply, builtins, data, put_through
from analytics.control.caller import Right
from analytics.control.calls.plugins import CHANGED, answer_of, diff_of
from analytics.control.masks import MASK, masked_text, restored_text
from analytics.control.overview import Overviews
from analytics.control.tools import Tools
from analytics.views.declaration import Kind, Parameter
from extender.control.desk import Side
from extender.control.problems import Detail, Invalid, NotFound, Unreadable

LAST_MAX: Final = 1000
_FORMAT: Final = Parameter("format", "yaml: the text alone.", Kind.CHOICE, default="json", choices=("json", "yaml"))
_LAST: Final = Parameter("last", "How many recorded decisions.", Kind.INTEGER, default=200, minimum=1, maximum=LAST_MAX)
_SIDE: Final = "a revision's number, `desired` or `effective`"


class _Policy:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._overviews = Overviews(tools.desk)

    async def show(self, asked: Asked) -> Reply:
        if asked.given["format"] == "yaml":
            stored = await self._tools.desk.policy()
            text = await anyio.to_thread.run_sync(masked_text, stored.text.decode("utf-8", "replace"))
            return Reply(text.encode("utf-8", "replace"), "application/yaml", tag=stored.hash, fresh=False)
        overview = await self._overviews.now()
        return Reply({"status": "success", "data": builtins(overview)}, tag=overview.hash)

    async def put(self, asked: Asked) -> Reply:
        text = await self._unmasked(asked.body)
        changed = await put_through(
            metrics.ALL,
            self._tools.desk.put(
                text,
                if_match=None if asked.if_match == "*" else asked.if_match,
                actor=asked.caller.actor,
                reason=asked.reason,
                dry_run=asked.dry_run,
            ),
            dry_run=asked.dry_run,
        )
        told = {"hash": changed.hash, "effective": changed.effective, "diff": diff_of(changed.diff)}
        return answer_of(changed, dry_run=asked.dry_run, tag=changed.hash, **told)

    async def validate(self, asked: Asked) -> Reply:
        text = await self._unmasked(asked.body)
        policy = await self._tools.desk.validate(text)
        diff = await self._tools.desk.diff(await self._stored(), text)
        return data({"valid": True, "warnings": policy.warnings, "diff": diff_of(diff)})

    async def try_out(self, asked: Asked) -> Reply:
        text = await self._unmasked(asked.body)
        return data(await self._tools.admin.preview(text.decode(), asked.given["last"]))

    async def diff(self, asked: Asked) -> Reply:
        found = await self._tools.desk.diff(_side(asked.given, "from"), _side(asked.given, "to"))
        return data(diff_of(found))

    async def catalogue(self, _asked: Asked) -> Reply:
        return data(await self._tools.admin.catalogue())

    async def _unmasked(self, body: bytes) -> bytes:
        """The policy that was sent, with what stands behind its masks."""
        try:
            text = body.decode()
        except UnicodeDecodeError as wrong:
            raise Unreadable(f"The policy is not UTF-8 text (byte {wrong.start}).") from wrong
        if MASK not in text:
            return body
        stored = (await self._stored()).decode("utf-8", "replace")
        return (await anyio.to_thread.run_sync(restored_text, text, stored)).encode()

    async def _stored(self) -> bytes:
        """What stands there; nothing where nothing does yet."""
        try:
            return (await self._tools.desk.policy()).text
        except NotFound:
            return b""


def calls(tools: Tools) -> tuple[Call, ...]:
    own = _Policy(tools)
    return (
        Call("GET", "/api/v1/policy", "The policy: stored and in effect.", Right.VIEW, own.show, (_FORMAT,)),
        Call(
            "PUT",
            "/api/v1/policy",
            "Replace the policy. Needs If-Match.",
            Right.CHANGE,
            own.put,
            body=Body.POLICY,
            body_needed=True,
            data=CHANGED,
            changes=True,
            matches=True,
        ),
        Call(
            "POST",
            "/api/v1/policy/validate",
            "Judge a policy; nothing is written.",
            Right.VIEW,
            own.validate,
            body=Body.POLICY,
            body_needed=True,
        ),
        Call(
            "POST",
            "/api/v1/policy/preview",
            "What a policy would say to the pods of the last recorded decisions.",
            Right.VIEW,
            own.try_out,
            (_LAST,),
            Body.POLICY,
            body_needed=True,
        ),
        Call(
            "GET",
            "/api/v1/policy/diff",
            "The difference between two policies.",
            Right.VIEW,
            own.diff,
            (
                Parameter("from", f"Before: {_SIDE}.", default="effective", length_max=20),
                Parameter("to", f"After: {_SIDE}.", default="desired", length_max=20),
            ),
        ),
        Call("GET", "/api/v1/policy/catalogue", "Every plugin, its phases and arguments.", Right.VIEW, own.catalogue),
    )


def _side(given: Mapping[str, Any], name: str) -> Side:
    """Raises Invalid."""
    match given[name]:
        case "desired":
            return "desired"
        case "effective":
            return "effective"
        case str(text) if text.isascii() and text.isdigit():
            return int(text)
    raise Invalid("The request has parameters that cannot be used.", [Detail(name, f"want {_SIDE}")])
