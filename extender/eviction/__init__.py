"""The one engine that makes pods leave: for preemption, reclaim and rescheduling.

Lives here: jobs, caps, the order of one eviction, its record. Never here: who should leave (plugins, controllers),
the scheduler's verbs.
"""

from extender.eviction.job import Job

__all__ = ["Job"]
