"""Tenants within their limits. Never here: what a tenant is (extender/tenancy), alerts, preemption."""

from extender.plugins.tenant_quota.plugin import PLUGIN

__all__ = ["PLUGIN"]
