"""Who shares the cluster, what each may use and uses, and what is wrong with it.

Lives here: the register of tenants, their use out of a view of the cluster, checks, fairness. Pure, but for reading the
file of tenants. Never here: what a tenant is and what it may use (extender/tenancy, which the TenantQuota plugin stands
on too), SQL, HTTP.
"""

from __future__ import annotations

from analytics.tenants.register import Register, register_of
from analytics.tenants.use import Use, Uses

__all__ = ["Register", "Use", "Uses", "register_of"]
