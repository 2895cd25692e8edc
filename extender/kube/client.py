"""One API server, spoken to in bytes.

Requests and watches have connections of their own: hundreds of parallel binds cannot be starved by watches
that never end, nor the other way round.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import yaml
from kubernetes.aio import config as kube_config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from yarl import URL

# Calls in flight at once; more wait for a free connection within their own timeout.
REQUESTS_MAX = 256
# A page of a list stays far below; an answer beyond is not ours to hold in memory.
ANSWER_BYTES_MAX = 64 * 2**20
# etcd holds at most 1.5 MiB per object; JSON adds some.
LINE_BYTES_MAX = 16 * 2**20
CONNECT_TIMEOUT_S = 5.0
# After a 401 the credentials are read again, at most this often.
_RELOAD_EVERY_S = 10.0
# The package is untyped here.
_load_file: Callable[..., Awaitable[object]] = kube_config.load_kube_config
_load_pod: Callable[..., None] = kube_config.load_incluster_config
# Twice this much of a stream may be split into lines in one step.
_READ_BUFFER = 2**16
_UNAUTHORIZED = 401
_TEXT_MAX = 500

_Load = Callable[[Configuration], Awaitable[None]]
# What the package raises over missing, unreadable or misshapen credentials.
_BAD_CREDENTIALS = (
    kube_config.ConfigException,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    yaml.YAMLError,
)


@dataclass(frozen=True, slots=True)
class Response:
    """Any answer of the API server; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """What the server says about a failure: the message of its Status object, else the text itself."""
        try:
            return msgspec.json.decode(self.body, type=_Status).message or f"HTTP {self.status}"
        except msgspec.DecodeError:
            return self.body[:_TEXT_MAX].decode(errors="replace").strip() or f"HTTP {self.status}"


class _Status(msgspec.Struct, gc=False):
    message: str = ""


class KubeError(Exception):
    """No usable answer: no configuration, no connection, no end in time, or (for a stream) a status other than 200."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class KubeApi:
    """Build it with `connect`; safe for any number of parallel calls on one event loop."""

    def __init__(self, configuration: Configuration, reload: _Load | None = None) -> None:
        self._configuration = configuration
        self._reload = reload
        self._reloaded_at = time.monotonic()
        self._base = str(configuration.host).rstrip("/")
        # The package knows how to make a TLS context out of every kind of kubeconfig.
        tls = RESTClientObject(configuration).ssl_context
        # As Go programs do: an address of this machine is never asked for through a proxy.
        proxied = (URL(self._base).host or "") not in ("localhost", "127.0.0.1", "::1")
        self._requests = _session(tls, REQUESTS_MAX, trust_env=proxied)
        self._streams = _session(tls, 0, trust_env=proxied)

    @classmethod
    async def connect(cls, kubeconfig: str | None = None) -> KubeApi:
        """Read credentials: `kubeconfig`, else the service account of this pod, else the usual kubeconfig.

        Nothing is sent yet. Raises KubeError saying what to do.
        """
        load = _loader(kubeconfig)
        configuration = Configuration()
        try:
            await load(configuration)
            return cls(configuration, load)
        except _BAD_CREDENTIALS as trouble:
            where = kubeconfig or "the default kubeconfig"
            raise KubeError(
                f"cannot use {where}: {trouble}; name a readable kubeconfig with --kubeconfig, "
                "or run inside a cluster with a service account"
            ) from trouble

    @property
    def server(self) -> str:
        """Address of the API server, for messages."""
        return self._base

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float = 10.0,
    ) -> Response:
        """One call. Any status is a value. `path` is sent as it stands (quote names before).

        Raises KubeError when there is no whole answer in time.
        """
        headers = await self._headers()
        if body is not None:
            headers["Content-Type"] = content_type
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        try:
            async with self._requests.request(
                method, self._url(path, query), data=body, headers=headers, timeout=timeout, **self._extras()
            ) as answer:
                whole = await _read(answer, method, path)
                if answer.status == _UNAUTHORIZED:
                    await self._renew()
                return Response(answer.status, whole, {name.lower(): text for name, text in answer.headers.items()})
        except TimeoutError as trouble:
            raise KubeError(f"{method} {path}: no answer from {self._base} within {timeout_s:g} s") from trouble
        except (aiohttp.ClientError, OSError, ValueError) as trouble:
            raise KubeError(f"{method} {path}: {self._base}: {trouble}") from trouble

    async def stream(self, path: str, *, query: Mapping[str, str], read_timeout_s: float) -> AsyncIterator[bytes]:
        """Whole lines as they come, without the line end; a line cut off by the end of the stream is left out.

        Raises KubeError(status=...) when the answer is not 200, and KubeError when nothing was said for
        `read_timeout_s` or the connection broke. Many lines may come in one read: a caller that does much with
        each should let others on the loop run in between.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=read_timeout_s)
        try:
            async with self._streams.get(
                self._url(path, query), headers=await self._headers(), timeout=timeout, **self._extras()
            ) as answer:
                if answer.status != 200:  # noqa: PLR2004
                    raise await self._refusal(answer, path)
                async for line in _lines(answer, path):
                    yield line
        except TimeoutError as trouble:
            raise KubeError(f"WATCH {path}: {self._base} was silent for {read_timeout_s:g} s") from trouble
        except (aiohttp.ClientError, OSError, ValueError) as trouble:
            raise KubeError(f"WATCH {path}: {self._base}: {trouble}") from trouble

    async def close(self) -> None:
        """End every connection; calls in flight fail."""
        await self._requests.close()
        await self._streams.close()

    async def _headers(self) -> dict[str, str]:
        # Asked for each call, because tokens in a pod change under us and the package reads them again when due.
        headers = {"Accept": "application/json"}
        try:
            settings: Mapping[str, Any] = await self._configuration.auth_settings()
        except _BAD_CREDENTIALS as trouble:
            raise KubeError(f"cannot read the credentials for {self._base}: {trouble}") from trouble
        for setting in settings.values():
            headers[setting["key"]] = setting["value"]
        return headers

    def _extras(self) -> dict[str, Any]:
        # An API server does not redirect; a login page in front of it does, and its 200 to the GET that a POST
        # turns into on the way would pass for success.
        found: dict[str, Any] = {"allow_redirects": False}
        if self._configuration.tls_server_name:
            found["server_hostname"] = self._configuration.tls_server_name
        if self._configuration.proxy:
            found["proxy"] = self._configuration.proxy
        return found

    def _url(self, path: str, query: Mapping[str, str] | None) -> URL:
        url = URL(self._base + path, encoded=True)
        return url.with_query(query) if query else url

    async def _refusal(self, answer: aiohttp.ClientResponse, path: str) -> KubeError:
        response = Response(answer.status, await _read(answer, "WATCH", path), {})
        if answer.status == _UNAUTHORIZED:
            await self._renew()
        return KubeError(
            f"WATCH {path}: {answer.status} {response.message}",
            status=answer.status,
            retry_after_s=retry_after(answer.headers.get("Retry-After", "")),
        )

    async def _renew(self) -> None:
        """Credentials of a kubeconfig (exec plugins, rotated files) are read again after a 401."""
        now = time.monotonic()
        if self._reload is None or now - self._reloaded_at < _RELOAD_EVERY_S:
            return
        self._reloaded_at = now
        try:
            await self._reload(self._configuration)
        except _BAD_CREDENTIALS as trouble:
            raise KubeError(f"cannot renew the credentials: {trouble}") from trouble


def retry_after(text: str) -> float:
    """Seconds of a Retry-After header; 0 when there is none or it is not a plain number."""
    return min(float(text), 60.0) if text.isascii() and text.isdigit() else 0.0


def _session(tls: Any, limit: int, *, trust_env: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, limit_per_host=0, ssl=tls, keepalive_timeout=60),
        read_bufsize=_READ_BUFFER,
        auto_decompress=True,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent",),
        headers={"User-Agent": "trimtab"},
        trust_env=trust_env,
    )


def _loader(kubeconfig: str | None) -> _Load:
    path = None if kubeconfig is None else str(Path(kubeconfig).expanduser())

    async def from_file(configuration: Configuration) -> None:
        await _load_file(config_file=path, client_configuration=configuration, persist_config=False)

    async def from_pod(configuration: Configuration) -> None:
        _load_pod(client_configuration=configuration)

    inside = kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ
    return from_pod if inside else from_file


async def _read(answer: aiohttp.ClientResponse, method: str, path: str) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > ANSWER_BYTES_MAX:
            raise KubeError(f"{method} {path}: the answer is longer than {ANSWER_BYTES_MAX} bytes")
        pieces.append(piece)
    return b"".join(pieces)


async def _lines(answer: aiohttp.ClientResponse, path: str) -> AsyncIterator[bytes]:
    pending: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_any():
        first, *others = piece.split(b"\n")
        pending.append(first)
        size += len(first)
        if size > LINE_BYTES_MAX:
            raise KubeError(f"WATCH {path}: an event is longer than {LINE_BYTES_MAX} bytes")
        for other in others:
            yield b"".join(pending)
            pending, size = [other], len(other)
