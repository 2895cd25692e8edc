"""What an API server says to TokenReview and SubjectAccessReview, from a table that a test may change."""

from __future__ import annotations

import json
from typing import Any

from extender.kube import KubeError, Response

POLICY, DEPLOYMENT = ("trimtab-system", "trimtab-policy"), ("kube-system", "scheduler")
RIGHTS = {
    "viewer": {("get", "configmaps", "trimtab-policy")},
    "operator": {("get", "configmaps", "trimtab-policy"), ("update", "configmaps", "trimtab-policy")},
    "admin": {
        ("get", "configmaps", "trimtab-policy"),
        ("update", "configmaps", "trimtab-policy"),
        ("patch", "deployments", "scheduler"),
    },
    "nobody": set(),
}


class Cluster:
    """Tokens are `TOKEN of USER` -> the user's name; users are the keys of RIGHTS."""

    def __init__(self) -> None:
        self.tokens = {f"token-of-{user}": user for user in RIGHTS}
        self.rights = {user: set(rights) for user, rights in RIGHTS.items()}
        self.reachable = True
        self.asked = 0

    async def request(self, method: str, path: str, *, body: bytes = b"", **_more: Any) -> Response:
        if not self.reachable:
            raise KubeError(f"{method} {path}: no answer")
        self.asked += 1
        spec = json.loads(body)["spec"]
        if path.endswith("tokenreviews"):
            user = self.tokens.get(spec["token"])
            status: dict[str, Any] = {"authenticated": user is not None}
            if user is not None:
                status["user"] = {
                    "username": user,
                    "uid": "1",
                    "groups": ["system:authenticated"],
                    "extra": {"k": ["v"]},
                }
        else:
            asked = spec["resourceAttributes"]
            right = (asked["verb"], asked["resource"], asked["name"])
            status = {"allowed": right in self.rights[spec["user"]]}
        return Response(201, json.dumps({"status": status}).encode(), {})
