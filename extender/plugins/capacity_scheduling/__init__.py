"""Elastic quotas: who may still start pods, and who makes room for whom. Never here: an eviction, a quota's status."""

from extender.plugins.capacity_scheduling.plugin import PLUGIN

__all__ = ["PLUGIN"]
