"""Why a change was refused. After any of these nothing has changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from extender.policy.problem import Problem


class Detail(msgspec.Struct, frozen=True):
    path: str
    """Where in what was sent, such as `phases[0]`; empty: the whole of it."""
    message: str


class Refused(Exception):
    """A refusal with its HTTP status, so that the API is thin; the command line turns it into an exit code."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, details: Iterable[Detail] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)


class Unreadable(Refused):
    """What was sent cannot be read at all."""

    code, reason = 400, "BadRequest"


class Forbidden(Refused):
    """Somebody's rights are missing; the message names the permission."""

    code, reason = 403, "Forbidden"


class NotFound(Refused):
    code, reason = 404, "NotFound"


class NoSuchRevision(NotFound):
    pass


class Conflict(Refused):
    """The policy is not the one that the change was made from."""

    code, reason = 409, "Conflict"


class TooLarge(Refused):
    code, reason = 413, "RequestEntityTooLarge"


class Invalid(Refused):
    """Readable, and wrong: unknown names, values out of bounds."""

    code, reason = 422, "Invalid"


class Unreachable(Refused):
    """What must be asked does not answer."""

    code, reason = 503, "ServiceUnavailable"


def details_of(problems: Iterable[Problem]) -> list[Detail]:
    return [
        Detail(problem.path, f"{problem.message} ({problem.hint})" if problem.hint else problem.message)
        for problem in problems
    ]
