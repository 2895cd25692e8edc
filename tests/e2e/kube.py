"""A very small Kubernetes API client: JSON over one kept-alive connection per thread. Speaks for one user."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

MERGE_PATCH = "application/merge-patch+json"
TIMEOUT_S = 60


class KubeRefused(Exception):
    """The API server answered with something other than 2xx."""

    def __init__(self, method: str, path: str, status: int, body: bytes) -> None:
        self.status = status
        try:
            message = json.loads(body)["message"]
        except (ValueError, KeyError, TypeError):
            message = body[:500].decode(errors="replace")
        super().__init__(f"{method} {path}: {status} {message}")


class Kube:
    """Calls one API server as one user."""

    def __init__(self, url: str, token: str, ca_file: str) -> None:
        self.url = url
        self.token = token
        self.ca_file = ca_file
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._local = threading.local()
        self._connections: list[http.client.HTTPSConnection] = []
        self._watches: list[http.client.HTTPSConnection] = []
        self._closed = False

    def close(self) -> None:
        """End all connections, also those that other threads read from; later calls raise OSError."""
        self._closed = True
        for watch in self._watches:  # its reader sees the end, and closes it
            if watch.sock is not None:
                with contextlib.suppress(OSError):
                    watch.sock.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            connection.close()

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Any:
        """Send one request; the decoded answer, or its text when it is not JSON. Raises KubeRefused."""
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if data is None else {"Content-Type": content_type})
        for last_try in (False, True):
            connection = self._connection()
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                answer = response.read()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                self._local.connection = None
                if last_try:
                    raise
        if not 200 <= response.status < 300:
            raise KubeRefused(method, path, response.status, answer)
        if "json" in response.headers.get("Content-Type", ""):
            return json.loads(answer)
        return answer.decode()

    def get(self, path: str, **query: str) -> Any:
        return self.request("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: object) -> Any:
        return self.request("POST", path, body)

    def patch(self, path: str, body: object, content_type: str = MERGE_PATCH) -> Any:
        return self.request("PATCH", path, body, content_type)

    def delete(self, path: str, **query: str) -> Any:
        return self.request("DELETE", f"{path}?{urlencode(query)}" if query else path)

    def watch(self, path: str, **query: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(type, object) until the server ends the watch or the caller stops."""
        connection = self._new_connection()
        self._watches.append(connection)
        try:
            connection.request("GET", f"{path}?{urlencode({'watch': 'true', **query})}", headers=self._headers)
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise KubeRefused("WATCH", path, response.status, response.read())
            while line := response.readline():
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._new_connection()
            self._connections.append(connection)
        return connection

    def _new_connection(self) -> http.client.HTTPSConnection:
        if self._closed:
            raise OSError("this client is closed")
        return http.client.HTTPSConnection(self._host, timeout=TIMEOUT_S, context=self._tls)
