"""What a PriorityClass says about the preemption of its pods (plugins.md §13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extender.framework import Object

_DOMAIN = "preemption-toleration.scheduling.x-k8s.io"
MINIMUM_PRIORITY = f"{_DOMAIN}/minimum-preemptable-priority"
TOLERATION_SECONDS = f"{_DOMAIN}/toleration-seconds"

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class PolicyError(ValueError):
    """An annotation does not parse; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Toleration:
    minimum_preemptable_priority: int
    """A preemptor of at least this priority is never held off."""
    toleration_seconds: int
    """How long after being scheduled a pod holds off the others; negative: for ever."""


def toleration_of(priority_class: Object) -> Toleration:
    """Raises PolicyError. Without annotations: the class's value + 1 (int32, wrapping), and no time at all."""
    metadata = priority_class.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    told: Mapping[str, Any] = annotations if isinstance(annotations, Mapping) else {}
    least, seconds = told.get(MINIMUM_PRIORITY), told.get(TOLERATION_SECONDS)
    return Toleration(
        _wrapped(_value(priority_class) + 1, 32) if least is None else _parsed(MINIMUM_PRIORITY, least, 32),
        0 if seconds is None else _parsed(TOLERATION_SECONDS, seconds, 64),
    )


def nanoseconds(seconds: int) -> int:
    """seconds x 10^9 as upstream has it: in int64, wrapping, so that huge tolerations become negative ones."""
    return _wrapped(seconds * 10**9, 64)


def _value(priority_class: Object) -> int:
    value = priority_class.get("value", 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PolicyError(f"value: want an integer, got {type(value).__name__}")
    return value


def _parsed(name: str, text: Any, bits: int) -> int:
    """As strconv.ParseInt(text, 10, bits): no spaces, no underscores, in range."""
    if not isinstance(text, str) or not _INTEGER.fullmatch(text):
        raise PolicyError(f"metadata.annotations[{name}]: want an integer, got {str(text)[:40]!r}")
    # Longer than any int64, leading zeros aside: int() would take its time over it.
    sign, digits = text[:1] if text[0] in "+-" else "", text.lstrip("+-").lstrip("0") or "0"
    number = int(sign + digits[:20])
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise PolicyError(f"metadata.annotations[{name}]: {text[:40]} does not fit into {bits} bits")
    return number


def _wrapped(number: int, bits: int) -> int:
    """Two's complement."""
    half: int = 2 ** (bits - 1)
    return (number + half) % (2 * half) - half
