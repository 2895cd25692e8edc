"""The policy page has no endpoint of its own: it asks the API that changes the policy (docs/api.md)."""

from __future__ import annotations

from typing import Final

from analytics.views.declaration import View

VIEW: Final = View(
    slug="policy",
    title="Policy",
    tool="plugin-manager",
    endpoints=(),
    asks=("/api/v1/session", "/api/v1/policy", "/api/v1/plugins", "/api/v1/policy/catalogue"),
)
