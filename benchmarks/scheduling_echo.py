"""The least that an extender can do: pass every node, score all alike, by copying bytes over a blocking socket.

It shows what asking any extender costs kube-scheduler. Run as a program: `python -m benchmarks.scheduling_echo PORT`.
"""

from __future__ import annotations

import socket
import sys
import threading

_NAMES = b'"NodeNames":['
_BETWEEN, _SCORED = b'","', b'","Score":0},{"Host":"'


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    """Requests one after another, each with a Content-Length, as kube-scheduler sends them."""
    with connection, connection.makefile("rb") as stream:
        while line := stream.readline():
            length = 0
            while (header := stream.readline()) not in (b"\r\n", b""):
                if header.lower().startswith(b"content-length:"):
                    length = int(header[15:])
            answer = answer_to(line, stream.read(length))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
            connection.sendall(head.encode() + answer)


def answer_to(request_line: bytes, body: bytes) -> bytes:
    """`body`: ExtenderArgs with NodeNames."""
    begin = body.rindex(_NAMES) + len(_NAMES)
    names = body[begin : body.index(b"]", begin)]
    if b"/filter" in request_line:
        return b'{"NodeNames":[' + names + b"]}"
    return b'[{"Host":' + names.replace(_BETWEEN, _SCORED) + b',"Score":0}]'


if __name__ == "__main__":
    main()
