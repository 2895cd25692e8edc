"""Which feed reads which source."""

from __future__ import annotations

import time
from collections.abc import Callable

from extender.cluster.load_fetch import LoadFeed
from extender.cluster.load_kubernetes import KubernetesFeed
from extender.cluster.load_prometheus import PrometheusFeed
from extender.cluster.load_watcher import FileFeed, WatcherFeed
from extender.cluster.secrets import Secrets
from extender.cluster.state import METRICS_STALE_S, ClusterState
from extender.kube import KubeApi
from extender.model.load_source import LoadSource, Provider
from extender.model.prometheus import PrometheusOptions


class LoadFeeds:
    """Opens sources. Nothing is asked before a feed is polled."""

    def __init__(
        self,
        state: ClusterState,
        *,
        api: KubeApi | None = None,
        prometheus: PrometheusOptions | None = None,
        secrets: Secrets | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._api = api
        self._prometheus = prometheus or PrometheusOptions()
        self._secrets = secrets or Secrets(None, "")
        self._clock = clock

    def open(self, source: LoadSource) -> LoadFeed:
        """Raises ValueError for a source that cannot be asked."""
        match source.provider:
            case Provider.LOAD_WATCHER:
                return WatcherFeed(source.address)
            case Provider.FILE:
                return FileFeed(source.address)
            case Provider.PROMETHEUS:
                return PrometheusFeed(source, self._prometheus, self._clock, METRICS_STALE_S, self._secrets.value)
            case Provider.KUBERNETES if self._api is not None:
                return KubernetesFeed(self._api, self._state.nodes, self._clock)
            case Provider.KUBERNETES:
                raise ValueError("the metrics API needs an API server; with --cluster-file give --metrics-file")
            case Provider.SIGNALFX:
                raise ValueError("SignalFx is not read here: run a load-watcher on it and give its watcherAddress")
