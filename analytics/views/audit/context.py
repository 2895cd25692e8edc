"""What the rules must know of this cluster: who schedules, and which namespace is whose."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from analytics.audit import Context
from analytics.ingest.audit import Intake, RuleBook, intake_of
from analytics.store import Store
from analytics.tenants import Register, register_of
from analytics.views.sources import Sources

REGISTER_S: Final = 10.0
"""So old may be what is known of tenants."""
_BOOKS: Final[WeakKeyDictionary[Store, RuleBook]] = WeakKeyDictionary()
_MAKING: Final = threading.Lock()


class Tenancy:
    """The tenants, from memory: rules ask for every event."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._register = Register()
        self._next_s = 0.0

    def of(self, namespace: str) -> str | None:
        tenant = self._now().of(namespace)
        return None if tenant is None else tenant.name

    def _now(self) -> Register:
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + REGISTER_S
            self._register = register_of(self._sources.cluster.view(), self._sources.settings().tenants_file)
        return self._register


def context_of(sources: Sources) -> Callable[[], Context]:
    """Asked anew for each batch: identities are settings, which may change. Equal while these are."""
    tenancy = Tenancy(sources)

    def context() -> Context:
        settings = sources.settings()
        return Context(
            scheduler_identities=frozenset(settings.scheduler_identities),
            deployers=frozenset(settings.deployers),
            tenant_of=tenancy.of,
        )

    return context


def intake(sources: Sources) -> Intake:
    """The one of this store."""
    return intake_of(sources.store, lambda: Intake(sources.store, context_of(sources), rules=rulebook(sources).rules))


def rulebook(sources: Sources) -> RuleBook:
    """The one of this store."""
    with _MAKING:
        made = _BOOKS.get(sources.store)
        if made is None:
            made = _BOOKS[sources.store] = RuleBook(lambda: sources.settings().audit_rules)
        return made
