"""What other systems promise to namespaces: ResourceQuota, ElasticQuota, Kueue's ClusterQueue, Capsule's Tenant.

Lives here: one file for each kind, object -> promises in a tenant's own amounts, or what is wrong with it and where.
Never here: watching, comparing with tenants (analytics/tenants/contradictions.py), SQL, HTTP.
"""

from __future__ import annotations

from analytics.tenants.adapters.all import SYSTEMS, Promises, System, promises_of
from analytics.tenants.adapters.promise import Problem, Promise

__all__ = ["SYSTEMS", "Problem", "Promise", "Promises", "System", "promises_of"]
