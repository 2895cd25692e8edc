"""Elastic quotas: who may still start pods. Never here: preemption, the status of the quota objects."""

from extender.plugins.capacity_scheduling.plugin import PLUGIN

__all__ = ["PLUGIN"]
