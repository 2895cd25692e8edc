"""What was: revisions, rollback, backup, archive, audit trail (R-018, R-019, R-033, R-034, R-282)."""

from __future__ import annotations

import re
from typing import Any, Final

import anyio.to_thread

from analytics.control import metrics
from analytics.control.call import Asked, Body, Call, Recorded, Reply, builtins, data, put_through
from analytics.control.caller import Right
from analytics.control.calls.plugins import CHANGED, answer_of
from analytics.control.masks import masked_text
from analytics.control.tools import Tools
from analytics.views.declaration import Kind, Parameter
from extender.control.problems import Detail, Invalid, Refused
from extender.control.revision import Revision

BACKUP: Final = {
    "type": "object",
    "required": ["status", "data"],
    "properties": {
        "status": {"const": "success"},
        "data": {
            "type": "object",
            "required": ["backup_id", "created_at", "reason"],
            "properties": {
                "backup_id": {"type": "integer"},
                "created_at": {"type": "string"},
                "reason": {"enum": ["auto", "manual", "observed"]},
            },
            "additionalProperties": False,
        },
    },
}
LIMIT_MAX: Final = 500
_LIMIT: Final = Parameter(
    "limit", "Most entries of one answer.", Kind.INTEGER, default=50, minimum=1, maximum=LIMIT_MAX
)
_CONTINUE: Final = Parameter("continue", "As the answer before said.", length_max=64)
_VIEW: Final = Parameter(
    "view", "full: all that is known of each.", Kind.CHOICE, default="summary", choices=("summary", "full")
)
_NUMBER: Final = Parameter("n", "Number of a revision (`backup_id`).", Kind.INTEGER, minimum=0, maximum=2**63 - 1)


class _History:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def revisions(self, asked: Asked) -> Reply:
        tell = full if asked.given["view"] == "full" else short
        found, total = await self._tools.desk.revisions(asked.given["limit"], _before(asked.given["continue"]))
        answer: dict[str, Any] = {"revisions": [tell(one) for one in found], "total": total}
        if found and len(found) == asked.given["limit"] and found[-1].number > 1:
            answer["continue"] = str(found[-1].number)
        return data(answer)

    async def revision(self, asked: Asked) -> Reply:
        found = await self._tools.desk.revision(asked.given["n"])
        text = await anyio.to_thread.run_sync(masked_text, found.text.decode("utf-8", "replace"))
        return data(full(found) | {"text": text})

    async def rollback(self, asked: Asked) -> Reply:
        changed = await put_through(
            metrics.ALL,
            self._tools.desk.rollback(
                asked.given["n"], actor=asked.caller.actor, reason=asked.reason, dry_run=asked.dry_run
            ),
            dry_run=asked.dry_run,
        )
        return answer_of(changed, dry_run=asked.dry_run)

    async def backup(self, asked: Asked) -> Reply:
        try:
            made = await self._tools.desk.backup(actor=asked.caller.actor, reason=asked.reason)
        except Refused as refused:
            raise Recorded(refused) from refused
        return data({"backup_id": made.number, "created_at": made.created_at, "reason": made.kind})

    async def archive(self, _asked: Asked) -> Reply:
        made = await self._tools.desk.archive(self._tools.seal)
        if self._tools.seal is not None:
            return Reply(made, "application/octet-stream", filename="trimtab-policy.sealed")
        return Reply(made, "application/gzip", filename="trimtab-policy.tar.gz")

    async def restore(self, asked: Asked) -> Reply:
        changed = await put_through(
            metrics.ALL,
            self._tools.desk.restore(
                asked.body, actor=asked.caller.actor, reason=asked.reason, dry_run=asked.dry_run, seal=self._tools.seal
            ),
            dry_run=asked.dry_run,
        )
        return answer_of(changed, dry_run=asked.dry_run)

    async def audit(self, asked: Asked) -> Reply:
        found = await self._tools.audit.newest(asked.given["limit"], _before(asked.given["continue"]))
        answer: dict[str, Any] = {"entries": builtins(found)}
        if found and len(found) == asked.given["limit"] and found[-1].seq > 1:
            answer["continue"] = str(found[-1].seq)
        return data(answer)


def calls(tools: Tools) -> tuple[Call, ...]:
    own = _History(tools)
    return (
        Call(
            "GET",
            "/api/v1/policy/revisions",
            "What has been saved, newest first.",
            Right.VIEW,
            own.revisions,
            (_LIMIT, _CONTINUE, _VIEW),
        ),
        Call("GET", "/api/v1/policy/revisions/{n}", "One saved policy.", Right.VIEW, own.revision, (_NUMBER,)),
        Call(
            "POST",
            "/api/v1/policy/revisions/{n}/rollback",
            "Take a saved policy back into use.",
            Right.CHANGE,
            own.rollback,
            (_NUMBER,),
            data=CHANGED,
            changes=True,
        ),
        Call(
            "POST",
            "/api/v1/config/backup",
            "Save the present policy.",
            Right.CHANGE,
            own.backup,
            data=BACKUP,
            changes=True,
            dry_runs=False,
        ),
        Call("GET", "/api/v1/policy/archive", "Policy, tenants and history in one file.", Right.CHANGE, own.archive),
        Call(
            "POST",
            "/api/v1/policy/restore",
            "Take an archive back into use.",
            Right.RESTORE,
            own.restore,
            body=Body.ARCHIVE,
            body_needed=True,
            data=CHANGED,
            changes=True,
        ),
        Call(
            "GET", "/api/v1/policy/audit", "Who changed what, newest first.", Right.VIEW, own.audit, (_LIMIT, _CONTINUE)
        ),
    )


def short(revision: Revision) -> dict[str, Any]:
    """R-034's four keys."""
    return {
        "backup_id": revision.number,
        "created_at": revision.created_at,
        "reason": revision.kind,
        "actor": revision.actor,
    }


def full(revision: Revision) -> dict[str, Any]:
    known = builtins(revision)
    more = {key: known[key] for key in ("via", "revision", "hash", "previous", "chain")}
    return short(revision) | more | {"why": revision.reason, "signed": bool(revision.signature)}


def _before(token: str | None) -> int | None:
    if not token:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", token):
        wrong = Detail("continue", "this value did not come from this list: start again without it")
        raise Invalid("The request has parameters that cannot be used.", [wrong])
    return int(token)
