"""Who shares the cluster: what a tenant is, and how much it may use. For the extender and for the sidecar.

Lives here: the Tenant value, reading and checking one, which namespace is whose, amounts, limits, and the reason why a
request is over them. Never here: counting pods, watching, serving; numpy and numba.
"""

from extender.tenancy.amounts import EPHEMERAL_STORAGE, GPUS, NAMES, STORAGE, Amounts, counted, told, told_all
from extender.tenancy.limits import Excess, bursting, excesses, guaranteed, limit, reason
from extender.tenancy.owners import Owners, owners_of
from extender.tenancy.reading import TenantError, read_object, read_tenant
from extender.tenancy.tenant import Policies, PreemptionPolicy, Quota, SchedulingPolicy, Tenant

__all__ = [
    "EPHEMERAL_STORAGE",
    "GPUS",
    "NAMES",
    "STORAGE",
    "Amounts",
    "Excess",
    "Owners",
    "Policies",
    "PreemptionPolicy",
    "Quota",
    "SchedulingPolicy",
    "Tenant",
    "TenantError",
    "bursting",
    "counted",
    "excesses",
    "guaranteed",
    "limit",
    "owners_of",
    "read_object",
    "read_tenant",
    "reason",
    "told",
    "told_all",
]
