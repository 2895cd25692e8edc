"""`--auth kubernetes`: the API server says who a token is (TokenReview) and what they may (SubjectAccessReview).

Answers are kept for seconds only, and never beyond the token's own end. Tokens are not kept, their digests are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from analytics.control.caller import Caller, NotAccepted, Right
from extender.control.actor import Actor
from extender.control.problems import Unreachable
from extender.kube import KubeApi, KubeError

KEEP_S: Final = 10.0
KEEP_REFUSAL_S: Final = 2.0
KEPT_MAX: Final = 1024
TOKEN_CHARS_MAX: Final = 16_384
TIMEOUT_S: Final = 5.0
_TOKENS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCESS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_CREATED: Final = 201
_FORBIDDEN: Final = 403

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Target:
    """One object whose RBAC decides."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}/{self.name} in namespace {self.namespace}"


def targets(policy: tuple[str, str], deployment: tuple[str, str]) -> dict[Right, tuple[Target, ...]]:
    """(namespace, name) of the policy's ConfigMap and of the scheduler's Deployment -> what each right asks for."""
    look = Target("get", "", "configmaps", *policy)
    change = Target("update", "", "configmaps", *policy)
    restart = Target("patch", "apps", "deployments", *deployment)
    return {
        Right.NOTHING: (),
        Right.VIEW: (look,),
        Right.CHANGE: (change,),
        Right.RESTART: (restart,),
        Right.RESTORE: (change, restart),
        Right.TENANTS: (Target("update", "tenancy.trimtab.dev", "tenants", "", ""),),
    }


class _User(msgspec.Struct, frozen=True):
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class _TokenStatus(msgspec.Struct, frozen=True):
    authenticated: bool = False
    user: _User = _User()


class _AccessStatus(msgspec.Struct, frozen=True):
    allowed: bool = False


class _TokenReview(msgspec.Struct, frozen=True):
    status: _TokenStatus = _TokenStatus()


class _AccessReview(msgspec.Struct, frozen=True):
    status: _AccessStatus = _AccessStatus()


@dataclass
class Kept(Generic[Value]):
    """A few answers, each until its own end; the least recently used give way."""

    clock: Callable[[], float]
    limit: int = KEPT_MAX
    _held: OrderedDict[Hashable, tuple[float, Value]] = field(default_factory=OrderedDict)

    def get(self, key: Hashable) -> Value | None:
        found = self._held.get(key)
        if found is None:
            return None
        if found[0] <= self.clock():
            del self._held[key]
            return None
        self._held.move_to_end(key)
        return found[1]

    def put(self, key: Hashable, value: Value, keep_s: float) -> None:
        self._held[key] = (self.clock() + keep_s, value)
        self._held.move_to_end(key)
        while len(self._held) > self.limit:
            self._held.popitem(last=False)

    def __len__(self) -> int:
        return len(self._held)


class Reviews:
    kind = "kubernetes"

    def __init__(
        self,
        api: KubeApi,
        rights: Mapping[Right, tuple[Target, ...]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._rights = rights
        self._clock = clock
        self._users: Kept[_TokenStatus] = Kept(clock)
        self._verdicts: Kept[bool] = Kept(clock)

    async def caller(self, token: str | None, came: Actor) -> Caller:
        if token is None:
            return Caller(replace(came, name="anonymous"), known=False, ask=_nothing)
        user = (await self._user(token)).user

        async def ask(right: Right) -> str:
            return await self._missing(user, right)

        return Caller(replace(came, name=user.username, groups=user.groups), known=True, ask=ask)

    async def _user(self, token: str) -> _TokenStatus:
        if len(token) > TOKEN_CHARS_MAX or not token.isascii() or not token.isprintable():
            raise NotAccepted("The token is no token of this cluster.")
        key = hashlib.sha256(token.encode()).digest()
        status = self._users.get(key)
        if status is None:
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
            status = msgspec.json.decode(await self._post(_TOKENS, body), type=_TokenReview).status
            keep_s = KEEP_S if status.authenticated else KEEP_REFUSAL_S
            self._users.put(key, status, min(keep_s, _end_of(token) - self._clock()))
        if not status.authenticated or not status.user.username:
            raise NotAccepted(
                "The API server does not accept this token: it is forged, expired or revoked. "
                "Get a new one, for example with `kubectl create token`."
            )
        return status

    async def _missing(self, user: _User, right: Right) -> str:
        for target in self._rights[right]:
            if not await self._allowed(user, target):
                return str(target)
        return ""

    async def _allowed(self, user: _User, target: Target) -> bool:
        key = (user.username, user.uid, user.groups, msgspec.json.encode(user.extra), target)
        verdict = self._verdicts.get(key)
        if verdict is None:
            attributes = {
                "verb": target.verb,
                "group": target.group,
                "resource": target.resource,
                "namespace": target.namespace,
                "name": target.name,
            }
            spec = {"user": user.username, "uid": user.uid, "groups": user.groups, "extra": user.extra}
            body = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": spec | {"resourceAttributes": attributes},
            }
            verdict = msgspec.json.decode(await self._post(_ACCESS, body), type=_AccessReview).status.allowed
            self._verdicts.put(key, verdict, KEEP_S if verdict else KEEP_REFUSAL_S)
        return verdict

    async def _post(self, path: str, body: Mapping[str, Any]) -> bytes:
        try:
            answer = await self._api.request("POST", path, body=msgspec.json.encode(body), timeout_s=TIMEOUT_S)
        except KubeError as why:
            raise Unreachable(f"who you are cannot be found out: {why}") from why
        if answer.status == _FORBIDDEN:
            raise Unreachable(
                f"the console may not ask who you are; give it the rights of deploy/base: {answer.message}"
            )
        if answer.status != _CREATED:
            raise Unreachable(f"who you are cannot be found out: {path} answers {answer.status} {answer.message}")
        return answer.body


async def _nothing(right: Right) -> str:
    return "" if right is Right.NOTHING else "a token, as `Authorization: Bearer TOKEN`"


def _end_of(token: str) -> float:
    """`exp` of a JWT, unverified, for it can only shorten how long an answer is kept; any other token: no end."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004
        return float("inf")
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return float("inf")
    end = claims.get("exp") if isinstance(claims, dict) else None
    return float(end) if isinstance(end, int | float) else float("inf")
