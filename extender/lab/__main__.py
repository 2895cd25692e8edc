"""`python -m extender.lab`: the simulated cluster as a process of its own, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from extender.lab.lab import Lab, LabOptions, write_kubeconfig
from extender.lab.simulation import Shape

_USAGE_ERROR, _UNREACHABLE = 2, 3
_PORT_MAX = 65535


class _Server(uvicorn.Server):
    """uvicorn, but signals are ours: it would raise them again after the clean end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 ended by a signal, 2 usage, 3 cannot listen."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    options = _parser().parse_args(arguments)
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _PORT_MAX:
        logging.getLogger("lab").error("--listen %s: want HOST:PORT, for example 127.0.0.1:6080", options.listen)
        return _USAGE_ERROR
    shape = Shape(options.nodes, options.pods_per_second, options.seed, options.standing_pods)
    lab = Lab(LabOptions(shape, options.extender, options.wait_for))
    if options.kubeconfig:
        write_kubeconfig(Path(options.kubeconfig), f"http://{options.listen}")
    # The furniture stays for the whole run; looking through it again and again would only cost time.
    gc.freeze()
    return asyncio.run(_serve(lab, host, int(port)))


async def _serve(lab: Lab, host: str, port: int) -> int:
    config = uvicorn.Config(
        lab.api.app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    life = asyncio.create_task(lab.run())
    life.add_done_callback(lambda _task: stop())
    try:
        await server.serve()
    except SystemExit:  # how uvicorn says that it could not bind
        life.cancel()
    if not server.started:
        logging.getLogger("lab").error("cannot listen on %s:%d: is the port taken?", host, port)
        return _UNREACHABLE
    failed = life.done() and not life.cancelled() and life.exception() is not None
    if failed:
        logging.getLogger("lab").error("the simulation ended", exc_info=life.exception())
    life.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await life
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m extender.lab", description=__doc__)
    parser.add_argument(
        "--listen", default="127.0.0.1:6080", metavar="HOST:PORT", help="API server (default %(default)s)"
    )
    parser.add_argument("--kubeconfig", default="", metavar="FILE", help="write a kubeconfig for this server here")
    parser.add_argument("--nodes", type=int, default=50, help="nodes of the cluster (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same cluster")
    parser.add_argument("--pods-per-second", type=float, default=5.0, help="arrivals; 0: nothing happens by itself")
    parser.add_argument("--standing-pods", type=int, default=0, help="pods bound from the start that stay")
    parser.add_argument("--extender", default="", metavar="URL", help="schedule through this extender")
    parser.add_argument("--wait-for", default="", metavar="URL", help="schedule only when this answers 200")
    return parser


if __name__ == "__main__":
    sys.exit(main())
