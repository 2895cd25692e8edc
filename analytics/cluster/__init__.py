"""The cluster as the sidecar sees it: nodes, pods and a few other kinds, followed by watch, and what nodes use.

Lives here: the watch, the values that it keeps (the extender's own Node and Pod, so that both count alike), views of
one moment. Never here: SQL, HTTP answers, what a tool thinks of what it sees.
"""

from __future__ import annotations

from analytics.cluster.cluster import Cluster
from analytics.cluster.detail import PodDetail, detail_of
from analytics.cluster.kinds import Happening
from analytics.cluster.view import ClusterView, Usage

__all__ = ["Cluster", "ClusterView", "Happening", "PodDetail", "Usage", "detail_of"]
