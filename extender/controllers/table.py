"""Every controller, listed by hand."""

from __future__ import annotations

from collections.abc import Callable

from extender.controllers.controller import Controller, Surroundings
from extender.controllers.elastic_quota_status import ElasticQuotaStatus
from extender.controllers.pod_group_status import PodGroupStatus
from extender.controllers.reclaim import Reclaim
from extender.controllers.releasing import Releasing
from extender.controllers.rescheduling import Rescheduling
from extender.controllers.waking import Waking


def controllers(around: Surroundings) -> list[Controller]:
    """Those that a cluster with an API server gets."""
    kinds: tuple[Callable[[Surroundings], Controller], ...] = (
        ElasticQuotaStatus,
        PodGroupStatus,
        Reclaim,
        Releasing,
        Rescheduling,
        Waking,
    )
    return [kind(around) for kind in kinds]
