"""The policy page has no endpoint of its own: it asks the API that changes the policy (docs/api.md)."""

from __future__ import annotations

from typing import Final

from analytics.views.declaration import View

VIEW: Final = View(slug="policy", title="Policy", tool="plugin-manager", endpoints=())
