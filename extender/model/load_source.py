"""Where node load is measured, as a policy may say it."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from extender.model.secret import SecretKey


class Provider(Enum):
    """Who measures; the values are upstream's words for it where upstream has one."""

    LOAD_WATCHER = "load-watcher"
    FILE = "file"
    KUBERNETES = "KubernetesMetricsServer"
    PROMETHEUS = "Prometheus"
    SIGNALFX = "SignalFx"


class LoadSource(Struct, frozen=True, kw_only=True, gc=False):
    """One place to ask. Two equal values are the same place."""

    provider: Provider
    address: str = ""
    """URL or path; empty: the provider's usual one."""
    token: str = ""
    """Bearer token; never shown."""
    token_file: str = ""
    """Where the token stands, read for every poll; only the extender's own options set it."""
    token_in: SecretKey | None = None
    """The Secret that it stands in, read for every poll."""
    insecure: bool = False
    """Take any TLS certificate."""

    def __str__(self) -> str:
        """For people: without token, user and password."""
        scheme, slashes, rest = self.address.rpartition("://")
        host, slash, path = rest.partition("/")
        return f"{self.provider.value} {scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}".strip()
