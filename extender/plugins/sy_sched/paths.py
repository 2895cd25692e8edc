"""Where a pod names its seccomp profiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extender.framework import Pod

MARK = "seccomp.security.alpha.kubernetes.io"
"""An annotation whose key contains this names a profile."""

_PARTS_MIN = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """The profiles a pod names, as namespace/name."""

    profiles: tuple[str, ...]
    """Of the pod and its containers: all count."""
    noted: tuple[str, ...]
    """Of annotations, in order of their keys, up to the first that names none: the first that exists counts."""

    @property
    def all(self) -> tuple[str, ...]:
        return self.profiles + self.noted


def profile_at(path: str) -> str | None:
    """operator/<namespace>/<name>.json, with whatever before it -> namespace/name; None: it names no profile."""
    parts = path.split("/")
    if len(parts) < _PARTS_MIN:
        return None
    namespace, last = parts[-2:]
    name = last.rpartition(".")[0] if "." in last else last
    return f"{namespace}/{name}" if namespace and name else None


def wanted_by(pod: Pod, *, with_init: bool) -> Wanted:
    paths = pod.seccomp_paths + (pod.init_seccomp_paths if with_init else ())
    found = [profile for profile in map(profile_at, paths) if profile is not None]
    return Wanted(tuple(dict.fromkeys(found)), tuple(_noted(pod)))


def _noted(pod: Pod) -> Iterator[str]:
    for key in sorted(pod.annotations):
        if MARK not in key:
            continue
        profile = profile_at(pod.annotations[key])
        if profile is None:
            return
        yield profile
