"""Where it is known which plugins there are: a running extender, or what is installed here."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from extender.control.admin import ExtenderAdmin
from extender.control.problems import Unreachable
from extender.policy.catalogue import Catalogue, PluginInfo

FRESH_S = 10.0
_CHILD_S = 60.0


class CatalogueSource(Protocol):
    async def catalogue(self) -> Catalogue:
        """Raises Unreachable."""
        ...


class FixedCatalogue:
    """One that is known already, with the plugins' own checks of their args."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def catalogue(self) -> Catalogue:
        return self._catalogue


class ExtenderCatalogue:
    """What the extender has: GET /catalogue, kept for FRESH_S. What only code can check, its /validate checks."""

    def __init__(self, admin: ExtenderAdmin, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._admin = admin
        self._clock = clock
        self._known: tuple[float, Catalogue] | None = None

    async def catalogue(self) -> Catalogue:
        if self._known is not None and self._clock() - self._known[0] < FRESH_S:
            return self._known[1]
        found = catalogue_of(await self._admin.get("/catalogue"), self._admin.url)
        if not found:  # every plugin would be unknown for a while
            raise Unreachable(f"the extender at {self._admin.url} is starting: it does not know its plugins yet")
        self._known = (self._clock(), found)
        return found


class InstalledCatalogue:
    """What this installation has, told by a child process: plugins stand on numpy and numba, and this room does not."""

    def __init__(self) -> None:
        self._known: Catalogue | None = None
        self._lock = asyncio.Lock()

    async def catalogue(self) -> Catalogue:
        async with self._lock:
            if self._known is None:
                self._known = catalogue_of(await self._told(), "trimtab plugin list --offline")
            return self._known

    async def _told(self) -> Any:
        code = "from extender.cli import main; main(['plugin', 'list', '--offline', '-o', 'json'])"
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
        except OSError as trouble:
            raise Unreachable(f"cannot ask which plugins are installed: {trouble}") from trouble
        try:
            out, err = await asyncio.wait_for(child.communicate(), _CHILD_S)
            return msgspec.json.decode(out)
        except TimeoutError as trouble:
            raise Unreachable(f"which plugins are installed was not told within {_CHILD_S:g} s") from trouble
        except msgspec.DecodeError as trouble:
            last = err.decode(errors="replace").strip().splitlines()[-1:]
            raise Unreachable(f"which plugins are installed is not told: {' '.join(last)}") from trouble
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


class FirstCatalogue:
    """The first source that answers."""

    def __init__(self, *sources: CatalogueSource) -> None:
        self._sources = sources

    async def catalogue(self) -> Catalogue:
        trouble = Unreachable("nobody can tell which plugins there are")
        for source in self._sources:
            try:
                return await source.catalogue()
            except Unreachable as wrong:
                trouble = wrong
        raise trouble


def catalogue_of(told: Any, where: str) -> dict[str, PluginInfo]:
    """A catalogue from its JSON; a family works where its members do. Raises Unreachable."""
    try:
        entries = msgspec.convert(told, type=list[_Entry])
    except msgspec.ValidationError as wrong:
        raise Unreachable(f"{where} does not tell a catalogue: {wrong}") from wrong
    phases = {entry.name: entry.phases for entry in entries}
    return {
        entry.name: PluginInfo(
            name=entry.name,
            doc=entry.doc,
            maturity=entry.maturity,
            phases=tuple(dict.fromkeys([*entry.phases, *(p for m in entry.members for p in phases.get(m, ()))])),
            args_schema=entry.args_schema,
            defaults=entry.defaults,
            aliases=entry.aliases,
            members=entry.members,
        )
        for entry in entries
    }


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    phases: tuple[str, ...]
    args_schema: dict[str, Any]
    doc: str = ""
    maturity: str = ""
    defaults: dict[str, Any] = {}
    aliases: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
