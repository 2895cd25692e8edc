"""The one engine that makes pods leave: for preemption, reclaim and rescheduling.

Lives here: jobs, limits, the order of one eviction, its record. Never here: who should leave (plugins, controllers),
the scheduler's verbs.
"""

from extender.eviction.events import PodEvents
from extender.eviction.evictions import Evictions
from extender.eviction.job import Job
from extender.eviction.limits import EvictionSettings

__all__ = ["EvictionSettings", "Evictions", "Job", "PodEvents"]
