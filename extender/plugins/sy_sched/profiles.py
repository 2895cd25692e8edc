"""Seccomp profiles as sets of bits, one bit for each name of a system call that any profile allows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from extender.framework import Object

# Linux has some 450; a profile may also name those of other systems, or what does not exist.
SYSCALLS_MAX = 4096
_ALLOWED = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG")


class _Entry(msgspec.Struct, frozen=True):
    action: str = ""
    names: list[str] | None = None


class _Spec(msgspec.Struct, frozen=True):
    syscalls: list[_Entry] | None = None


class _Profile(msgspec.Struct, frozen=True):
    spec: _Spec | None = None


class Profiles:
    """By namespace/name. A bit whose last profile has gone is given to the next new name."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}
        self._bits: dict[str, int] = {}
        self._uses: dict[str, int] = {}
        self._sets: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        self.width = 0
        """Bits in use, free ones between them included."""

    def put(self, key: str, new: Object | None) -> bool:
        """Keep what the object says; whether that is other than before."""
        self._problems.pop(key, None)
        names = None if new is None else self._read(key, new)
        if names == self._names.get(key):
            return False
        self._forget(key)
        if names is not None:
            self._keep(key, names)
        self.width = max(self._bits.values(), default=-1) + 1
        return True

    def calls(self, key: str) -> int | None:
        """The profile's set; None: there is no such profile."""
        return self._sets.get(key)

    def names_of(self, calls: int) -> list[str]:
        return sorted(name for name, bit in self._bits.items() if calls >> bit & 1)

    @property
    def problems(self) -> Mapping[str, str]:
        return self._problems

    def _read(self, key: str, found: Object) -> frozenset[str] | None:
        try:
            spec = msgspec.convert(found, _Profile, strict=True).spec or _Spec()
        except msgspec.ValidationError as wrong:
            self._problems[key] = f"ignored: {wrong}"
            return None
        allowed = (entry.names or () for entry in spec.syscalls or () if entry.action in _ALLOWED)
        names = frozenset(name for names in allowed for name in names)
        own = self._names.get(key, frozenset())
        others = {name for name, uses in self._uses.items() if uses > (name in own)}
        if len(others | names) > SYSCALLS_MAX:
            self._problems[key] = f"ignored: with it profiles would name more than {SYSCALLS_MAX} system calls"
            return None
        return names

    def _forget(self, key: str) -> None:
        self._sets.pop(key, None)
        for name in self._names.pop(key, ()):
            self._uses[name] -= 1
            if not self._uses[name]:
                del self._uses[name], self._bits[name]

    def _keep(self, key: str, names: frozenset[str]) -> None:
        taken = set(self._bits.values())
        free = (bit for bit in range(SYSCALLS_MAX) if bit not in taken)
        calls = 0
        for name in sorted(names):
            if name not in self._bits:
                self._bits[name] = next(free)
            self._uses[name] = self._uses.get(name, 0) + 1
            calls |= 1 << self._bits[name]
        self._names[key], self._sets[key] = names, calls
