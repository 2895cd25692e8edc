"""What one pod asks, laid out for the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework import BEST_EFFORT, GUARANTEED, Pod, once_per_template, qos_of
from extender.plugins.node_resource_topology_match.kernel import APP, INIT, SIDECAR
from extender.plugins.node_resource_topology_match.requests import (
    asked_by,
    asked_in_all,
    asks_for_devices,
    is_host_level,
    is_numa_affine,
)
from extender.plugins.node_resource_topology_match.zones import pair_of

Int64s = NDArray[np.int64]

# Listed by every node, whatever its status says.
_ALWAYS = ("cpu", "memory", "ephemeral-storage", "pods")


@dataclass(frozen=True, slots=True)
class Ask:
    names: tuple[str, ...]
    """Every resource that the pod names anywhere, in order of appearance."""
    conditional: tuple[str, ...]
    """Those of them that not every node has."""
    values: Mapping[str, Any]
    """The kernel's values that depend on the pod alone."""


@once_per_template
def ask_of(pod: Pod) -> Ask:
    """Raises QuantityError."""
    qos = qos_of(pod)
    containers = [
        *((SIDECAR if c.sidecar else INIT, c) for c in pod.init_containers),
        *((APP, c) for c in pod.containers),
    ]
    requests = [asked_in_all(pod), *(asked_by(container) for _kind, container in containers)]
    names = tuple({name: None for request in requests for name in request})
    pairs = [pair_of(request[name]) if name in request else (0, -1) for request in requests for name in names]
    asked = np.array(pairs, np.int64).reshape(-1, 2)
    conditional = tuple(name for name in names if name not in _ALWAYS)
    return Ask(
        names,
        conditional,
        {
            "exempt": qos == BEST_EFFORT and not asks_for_devices(pod),
            "guaranteed": qos == GUARANTEED,
            "asked_units": np.ascontiguousarray(asked[:, 0]),
            "asked_nanos": np.ascontiguousarray(asked[:, 1]),
            "kinds": np.array([APP, *(kind for kind, _container in containers)], np.int64),
            "affine": np.array([is_numa_affine(name) for name in names], np.int64),
            "host_level": np.array([is_host_level(name) for name in names], np.int64),
            "listing": np.array([conditional.index(n) if n in conditional else -1 for n in names], np.int64),
        },
    )
