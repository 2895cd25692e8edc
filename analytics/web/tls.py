"""The console over HTTPS (R-274); a rotated certificate is taken up while it runs (R-280)."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

LOOK_S: Final = 5.0
_LOG: Final = logging.getLogger(__name__)


class BadTls(Exception):
    """Certificate or key cannot be used. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM; Kubernetes swaps a mounted Secret's files all at once."""

    cert: Path
    key: Path
    look_s: float = LOOK_S

    def load(self, config: uvicorn.Config) -> None:
        """Raises BadTls."""
        try:
            config.load()
        except (OSError, ssl.SSLError) as why:
            raise BadTls(f"cannot use the TLS files ({why}): check --tls-cert and --tls-key") from why
        if config.ssl is not None:
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2

    async def follow(self, config: uvicorn.Config) -> None:
        """Until cancelled: new connections get the certificate that is there now. A bad one is told, and not used."""
        used = self._mark()
        while True:
            await asyncio.sleep(self.look_s)
            found = self._mark()
            if found == used or found is None or config.ssl is None:
                continue
            used = found
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, self.key)
                config.ssl.load_cert_chain(self.cert, self.key)
            except (OSError, ssl.SSLError) as why:
                _LOG.warning("the new TLS certificate cannot be used, the old one stays: %s", why)
            else:
                _LOG.info("a new TLS certificate is in use")

    def _mark(self) -> tuple[int, ...] | None:
        try:
            stats = (self.cert.stat(), self.key.stat())
        except OSError:
            return None
        return tuple(value for stat in stats for value in (stat.st_ino, stat.st_mtime_ns, stat.st_size))
