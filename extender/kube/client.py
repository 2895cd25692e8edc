"""One API server, spoken to in bytes.

Requests and watches have connections of their own: hundreds of parallel binds cannot be starved by watches
that never end, nor the other way round.
"""

from __future__ import annotations

import copy
import io
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

if TYPE_CHECKING:
    from kubernetes.aio.client import Configuration

    from extender.kube.credentials import Load

# Calls in flight at once; more wait for a free connection within their own timeout.
REQUESTS_MAX = 256
# A page of a list stays far below; an answer beyond is not ours to hold in memory.
ANSWER_BYTES_MAX = 64 * 2**20
# etcd holds at most 1.5 MiB per object; JSON adds some.
LINE_BYTES_MAX = 16 * 2**20
CONNECT_TIMEOUT_S = 5.0
# After a 401 the credentials are read again, at most this often.
_RELOAD_EVERY_S = 10.0
# Twice this much of a stream may be split into lines in one step.
_READ_BUFFER = 2**16
_PIECE_BYTES = 2**18
_UNAUTHORIZED = 401
_TEXT_MAX = 500


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


@dataclass(frozen=True, slots=True)
class ActingAs:
    """Whom to impersonate: the API server decides by their rights, if ours include that."""

    user: str
    groups: tuple[str, ...] = ()


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

    def __init__(
        self, configuration: Configuration, reload: Load | None = None, acting_as: ActingAs | None = None
    ) -> None:
        self._configuration = configuration
        self._acting_as = acting_as
        self._reload = reload
        self._why_not: Callable[[], str | None] = _nothing
        self._reloaded_at = time.monotonic()
        self._base = str(configuration.host).rstrip("/")
        tls = _credentials().tls_of(configuration)
        # As Go programs do: an address of this machine is never asked for through a proxy.
        proxied = (URL(self._base).host or "") not in ("localhost", "127.0.0.1", "::1")
        self._requests = _session(tls, REQUESTS_MAX, trust_env=proxied)
        self._streams = _session(tls, 0, trust_env=proxied)

    @classmethod
    async def connect(
        cls, kubeconfig: str | None = None, *, context: str | None = None, acting_as: ActingAs | None = None
    ) -> KubeApi:
        """Read credentials: `kubeconfig`, else the service account of this pod, else the usual kubeconfig.

        `context`: one of the kubeconfig's, in place of its current one. `acting_as`: whom to impersonate.
        Nothing is sent yet. Raises KubeError saying what to do.
        """
        credentials = _credentials()
        load = credentials.loader(kubeconfig, context)
        configuration = credentials.Configuration()
        try:
            await load(configuration)
            return cls(configuration, load, acting_as)
        except credentials.BAD_CREDENTIALS as trouble:
            where = kubeconfig or "the default kubeconfig"
            raise KubeError(
                f"cannot use {where}: {trouble}; name a readable kubeconfig with --kubeconfig, "
                "or run inside a cluster with a service account"
            ) from trouble

    def restrained(self, why_not: Callable[[], str | None]) -> KubeApi:
        """The same connections, for somebody who may only read while `why_not` says something: a request other than
        GET then raises KubeError, and nothing is sent."""
        other = copy.copy(self)
        other._why_not = why_not  # noqa: SLF001 - ours
        return other

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
        accept: str = "application/json",
        timeout_s: float = 10.0,
    ) -> Response:
        """One call. Any status is a value. `path` is sent as it stands (quote names before).

        Raises KubeError when there is no whole answer in time.
        """
        if method != "GET" and (why := self._why_not()):
            raise KubeError(f"{method} {path} is not sent: {why}")
        headers = await self._headers()
        headers["Accept"] = accept
        if body is not None:
            headers["Content-Type"] = content_type
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        try:
            async with self._requests.request(
                method, self._url(path, query), data=_sent(body), headers=headers, timeout=timeout, **self._extras()
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
        """As `lines`, one by one."""
        async with aclosing(self.lines(path, query=query, read_timeout_s=read_timeout_s)) as found:
            async for lines in found:
                for line in lines:
                    yield line

    async def lines(self, path: str, *, query: Mapping[str, str], read_timeout_s: float) -> AsyncGenerator[list[bytes]]:
        """Whole lines as they come, all of one read at once: never none, and no more than twice _READ_BUFFER holds.

        They come without the line end; a line cut off by the end of the stream is left out. Raises
        KubeError(status=...) when the answer is not 200, and KubeError when nothing was said for `read_timeout_s`
        or the connection broke. A caller that does much with each line should let others on the loop run in between.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=read_timeout_s)
        try:
            async with self._streams.get(
                self._url(path, query), headers=await self._headers(), timeout=timeout, **self._extras()
            ) as answer:
                if answer.status != 200:  # noqa: PLR2004
                    raise await self._refusal(answer, path)
                left = _Rest(path)
                async for piece in answer.content.iter_any():
                    if lines := left.split(piece):
                        yield lines
        except TimeoutError as trouble:
            raise KubeError(f"WATCH {path}: {self._base} was silent for {read_timeout_s:g} s") from trouble
        except (aiohttp.ClientError, OSError, ValueError) as trouble:
            raise KubeError(f"WATCH {path}: {self._base}: {trouble}") from trouble

    async def close(self) -> None:
        """End every connection; calls in flight fail."""
        await self._requests.close()
        await self._streams.close()

    async def _headers(self) -> CIMultiDict[str]:
        # Asked for each call, because tokens in a pod change under us and the package reads them again when due.
        headers = CIMultiDict({"Accept": "application/json"})
        if self._acting_as is not None:
            headers["Impersonate-User"] = self._acting_as.user
            for group in self._acting_as.groups:
                headers.add("Impersonate-Group", group)
        try:
            settings: Mapping[str, Any] = await self._configuration.auth_settings()
        except _credentials().BAD_CREDENTIALS as trouble:
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
        except _credentials().BAD_CREDENTIALS as trouble:
            raise KubeError(f"cannot renew the credentials: {trouble}") from trouble


def _nothing() -> str | None:
    """Everything may be sent."""
    return None


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


def _credentials() -> Any:
    """The module, when it is needed: a cluster in a file needs none."""
    from extender.kube import credentials  # noqa: PLC0415 - see there

    return credentials


def _sent(body: bytes | None) -> bytes | io.BytesIO | None:
    """A long body goes out in pieces, so that others on the loop run in between."""
    return io.BytesIO(body) if body is not None and len(body) > _PIECE_BYTES else body


async def _read(answer: aiohttp.ClientResponse, method: str, path: str) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > ANSWER_BYTES_MAX:
            raise KubeError(f"{method} {path}: the answer is longer than {ANSWER_BYTES_MAX} bytes")
        pieces.append(piece)
    return b"".join(pieces)


class _Rest:
    """What of a stream was read and is no whole line yet."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pieces: list[bytes] = []
        self._size = 0

    def split(self, piece: bytes) -> list[bytes]:
        """The lines that end in this piece. Raises KubeError when a line does not end within LINE_BYTES_MAX."""
        lines = piece.split(b"\n")
        self._pieces.append(lines[0])
        self._size += len(lines[0])
        if self._size > LINE_BYTES_MAX:
            raise KubeError(f"WATCH {self._path}: an event is longer than {LINE_BYTES_MAX} bytes")
        rest = lines.pop()
        if lines:
            lines[0] = b"".join(self._pieces)
            self._pieces, self._size = [rest], len(rest)
        return lines
