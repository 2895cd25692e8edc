"""What calls work with; main builds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from analytics.control.admin import Admin
from analytics.control.caller import Access
from analytics.views.sources import Sources
from extender.control.audit import Audit
from extender.control.desk import Desk
from extender.control.restart import Restarter
from extender.control.seals import Seal
from extender.control.tenants import TenantStore


@dataclass(frozen=True, slots=True)
class Tools:
    desk: Desk
    audit: Audit
    admin: Admin
    access: Access
    restarter: Restarter | None
    """None: there is no cluster."""
    checks: Callable[[], Awaitable[Mapping[str, str]]]
    """For R-032: check -> `ok`, or what is wrong."""
    seal: Seal | None = None
    """Archives are sealed with it."""
    tenants: TenantStore | None = None
    """None: there is no cluster."""
    sources: Sources | None = None
    """What the tools' analyses are made from; None: there are none here."""
