"""The overview has no endpoint of its own: each of its cards asks the API of the tool that it stands for."""

from __future__ import annotations

from typing import Final

from analytics.views.declaration import View

VIEW: Final = View(slug="overview", title="Overview", tool="", endpoints=())
