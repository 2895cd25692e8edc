"""Which source of node load a policy asks for."""

from __future__ import annotations

import logging

from extender.engine.profile import PolicySet, Seat
from extender.model.load_source import LoadSource, Provider

_LOG = logging.getLogger(__name__)


def load_source(policy: PolicySet, *, has_metrics_api: bool) -> LoadSource | None:
    """The first that the args of an enabled plugin name; else the metrics API, if a plugin reads load and there is one.

    KubernetesMetricsServer is what args say that say nothing, so any other source goes before it. All plugins share
    one collector: a second source is not asked.
    """
    readers = [seat for profile in policy.profiles.values() for seat in profile.seats if seat.plugin.reads_load]
    if not readers:
        # Only then: what is watched must not change what the others read.
        every = (seat for profile in policy.profiles.values() for seat in profile.every_seat)
        readers = [seat for seat in every if seat.plugin.reads_load]
    for seat in readers:
        source = _named_by(seat)
        if source is not None and source.provider is not Provider.KUBERNETES:
            return source
    return LoadSource(provider=Provider.KUBERNETES) if readers and has_metrics_api else None


def _named_by(seat: Seat) -> LoadSource | None:
    if seat.plugin.load_source is None:
        return None
    try:
        return seat.plugin.load_source(seat.args)
    except Exception:  # noqa: BLE001 - a third party's plugin may raise anything; it then names no source
        _LOG.exception("plugin %s failed to say where its load comes from", seat.name)
        return None
