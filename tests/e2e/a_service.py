"""What kube-proxy does for a Service: each new connection goes to one of its endpoints, and stays there."""

from __future__ import annotations

import contextlib
import itertools
import socket
import socketserver
import threading
from collections.abc import Callable, Sequence

_PIECE = 1 << 16


class Service:
    """Listens on loopback from the start until `terminate`."""

    def __init__(self, endpoints: Callable[[], Sequence[int]]) -> None:
        """`endpoints`: ports on loopback, asked for each connection; none: it is refused."""
        turns = itertools.count()

        class Forward(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if not (ports := endpoints()):
                    return
                try:
                    there = socket.create_connection(("127.0.0.1", ports[next(turns) % len(ports)]))
                except OSError:
                    return
                with there:
                    back = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
                    back.start()
                    _pump(self.request, there)
                    back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forward)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def terminate(self, _limit_s: float) -> None:
        self._server.shutdown()
        self._server.server_close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Bytes one way; the end of one side is the end of the other."""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
