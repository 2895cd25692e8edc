"""How much CPU a pod will use."""

from __future__ import annotations

from dataclasses import dataclass

from extender.framework import Container, Pod, milli
from extender.framework.arithmetic import rounded
from extender.plugins.target_load_packing.args import TargetLoadPackingArgs, default_cpu_milli, multiplier

# Past this a float64 cannot count millicores one by one, and every node scores 0 long before.
PREDICTED_MAX = 2**53


@dataclass(frozen=True, slots=True)
class Predictor:
    """Per app container: its limit; else its request times the multiplier; else the default. Overhead is added."""

    default_milli: int
    multiplier: float

    @classmethod
    def of(cls, args: TargetLoadPackingArgs) -> Predictor:
        return cls(default_cpu_milli(args), multiplier(args))

    def cpu_milli(self, pod: Pod) -> int:
        """Millicores; init containers do not count. Raises QuantityError."""
        total = sum(self._of_container(container) for container in pod.containers)
        if "cpu" in pod.overhead:
            total += milli(pod.overhead["cpu"])
        return max(-PREDICTED_MAX, min(PREDICTED_MAX, total))

    def _of_container(self, container: Container) -> int:
        if "cpu" in container.limits:
            return milli(container.limits["cpu"])
        if "cpu" in container.requests:
            bound = float(PREDICTED_MAX)
            return rounded(max(-bound, min(bound, milli(container.requests["cpu"]) * self.multiplier)))
        return self.default_milli
