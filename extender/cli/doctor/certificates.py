"""The scheduler port's certificate, judged as kube-scheduler judges it: with what tlsConfig says."""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.registration import ours
from extender.cli.doctor.scene import Scene

SAY = Findings("certificates")
SOON_S = 21 * 86_400.0
_TIMEOUT_S = 5.0


async def certificates(scene: Scene) -> list[Finding]:
    entries = [e for e in (scene.configuration or {}).get("extenders") or () if isinstance(e, Mapping)]
    mine = ours(entries, scene.where.scheduler_url)
    if not mine:
        return [SAY.skip("no registration to check a certificate with", "see the lines of scheduler")]
    found: dict[str, Finding] = {}
    for entry in mine:
        url = str(entry.get("urlPrefix", ""))
        if not url.startswith("https:"):
            found[url] = SAY.ok(f"{url} is plain HTTP: no certificate; fine within one machine or a closed network")
        else:
            found[url] = await asyncio.to_thread(examined, url, entry, time.time())
    return list(found.values())


def examined(url: str, entry: Mapping[str, Any], now_s: float) -> Finding:
    """One handshake, with the CA, name and client certificate of the entry."""
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or 443
    name = str((entry.get("tlsConfig") or {}).get("serverName") or host)
    try:
        context = context_of(entry)
    except (OSError, ValueError) as trouble:
        return SAY.fail(f"cannot use tlsConfig: {trouble}", "name files that can be read from here")
    shaken = False
    try:
        with (
            socket.create_connection((host, port), _TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            shaken = True
            shown = secure.getpeercert()
            # Only reading shows whether the server took our certificate: TLS 1.3 answers after the handshake.
            secure.sendall(b"GET / HTTP/1.1\r\nHost: doctor\r\nConnection: close\r\n\r\n")
            if not secure.recv(1):
                raise ConnectionResetError("closed without an answer")
    except ssl.SSLCertVerificationError as refused:
        return SAY.fail(f"{url}: {refused.verify_message}", _advice(refused.verify_message, name))
    except OSError as trouble:
        told = trouble.reason if isinstance(trouble, ssl.SSLError) and trouble.reason else trouble
        if shaken or "CERTIFICATE" in str(told) or "HANDSHAKE" in str(told):
            return SAY.fail(
                f"{url} does not take our certificate: {told}",
                "set tlsConfig.certFile and keyFile to a pair that --client-ca has signed",
            )
        if isinstance(trouble, ssl.SSLError):
            return SAY.fail(f"{url}: {told}", "check that the port speaks TLS: --tls-cert and --tls-key")
        return SAY.fail(f"{url} cannot be reached: {told}", "check urlPrefix")
    return _lasting(url, shown, now_s)


def context_of(entry: Mapping[str, Any]) -> ssl.SSLContext:
    """As tlsConfig says: CA, client certificate. Raises OSError or ValueError over what cannot be read."""
    tls = entry.get("tlsConfig") or {}
    data = _decoded(tls.get("caData"))
    context = ssl.create_default_context(cafile=tls.get("caFile"), cadata=data)
    if tls.get("insecure"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.get("certFile") and tls.get("keyFile"):
        context.load_cert_chain(Path(tls["certFile"]), Path(tls["keyFile"]))
    return context


def _decoded(data: Any) -> str | None:
    if not data:
        return None
    try:
        return base64.b64decode(str(data), validate=True).decode("ascii")
    except (binascii.Error, ValueError) as wrong:
        raise ValueError(f"caData is not base64 of a PEM text: {wrong}") from wrong


def _advice(message: str, name: str) -> str:
    lower = message.lower()
    if "expired" in lower:
        return "issue a new certificate, and restart the extender"
    if "mismatch" in lower or "not valid for" in lower:
        return f"issue a certificate for {name}, or set tlsConfig.serverName to a name that it has"
    return "set tlsConfig.caFile to the CA that signed it, intermediates included"


def _lasting(url: str, shown: Mapping[str, Any] | None, now_s: float) -> Finding:
    if not shown:
        return SAY.warn(f"{url}: tlsConfig.insecure, so its certificate was not checked", "name the CA instead")
    left_s = ssl.cert_time_to_seconds(str(shown["notAfter"])) - now_s
    days = left_s / 86_400
    if left_s < SOON_S:
        return SAY.warn(f"{url}: its certificate ends in {days:.0f} days", "issue a new one in time")
    return SAY.ok(f"{url}: certificate, name and chain hold for {days:.0f} more days")
