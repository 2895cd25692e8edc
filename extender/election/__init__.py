"""Which of several replicas is the active one: a Lease, claimed and renewed with optimistic locking.

Never here: what the active replica does. Whoever acts asks `Election.closed()`, or runs under `while_leading`.
"""

from extender.election.durations import Durations
from extender.election.election import Election

__all__ = ["Durations", "Election"]
