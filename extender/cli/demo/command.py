"""The command itself: choose, start, wait, show, end."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console

from extender.cli.demo.children import ChildEnded, Children
from extender.cli.demo.figures import Observer
from extender.cli.demo.policy import write_policy
from extender.cli.demo.ports import HOST, Addresses, PortTaken, choose
from extender.cli.demo.screen import LiveScreen, Places, PlainScreen
from extender.cli.types import ADDRESS, Address

READY_LIMIT_S = 120.0
"""The first start compiles every plugin; later ones take seconds."""
LOOK_EVERY_S = 0.5
_POLL_S = 0.1
_USAGE_ERROR, _UNREACHABLE = 2, 3


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user asked for."""

    addresses: Addresses
    directory: Path
    nodes: int
    pods_per_second: float
    seed: int
    seconds: float
    browser: bool


@click.command(
    context_settings={"auto_envvar_prefix": "TRIMTAB"},
    help="A simulated cluster with live traffic, the extender, the sidecar and its page; Ctrl-C ends it all.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page; default: 8080, or a free one.")
@click.option("--listen", type=ADDRESS, help="Scheduler verbs of the extender; default: 8888, or a free port.")
@click.option("--admin", type=ADDRESS, help="Admin port of the extender; default: 8889, or a free port.")
@click.option("--metrics", type=ADDRESS, help="Metrics of the sidecar; default: 8081, or a free port.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same cluster.")
@click.option("--nodes", type=click.IntRange(4, 5000), default=50, show_default=True, help="Nodes of the cluster.")
@click.option(
    "--pods-per-second", type=click.FloatRange(0, 200), default=5.0, show_default=True, help="Pods that arrive."
)
@click.option(
    "--seconds", type=click.FloatRange(0), default=0.0, show_default=True, help="End after so long; 0: Ctrl-C."
)
@click.option("--directory", type=click.Path(path_type=Path), help="For policy, journal and logs; default: ./demo.")
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
@click.option("--real", is_flag=True, help="On a real control plane instead of a simulated one.")
def demo(
    port: int | None,
    listen: Address | None,
    admin: Address | None,
    metrics: Address | None,
    seed: int,
    nodes: int,
    pods_per_second: float,
    seconds: float,
    directory: Path | None,
    no_browser: bool,  # noqa: FBT001 - a flag of the command line
    real: bool,  # noqa: FBT001 - as above
) -> None:
    if real:
        _end(
            "--real: this version can only simulate; run `make e2e` to see Trimtab with a real control plane",
            _USAGE_ERROR,
        )
    given = {"scheduler": listen, "admin": admin, "metrics": metrics}
    try:
        addresses = choose(
            {name: f"{a.host}:{a.port}" for name, a in given.items() if a}
            | ({"console": f"{HOST}:{port}"} if port else {})
        )
    except PortTaken as taken:
        _end(str(taken), _UNREACHABLE)
    try:
        place = _directory(directory)
    except OSError as trouble:
        _end(f"cannot write the demo's folder: {trouble}; name another one with --directory", _UNREACHABLE)
    choices = Choices(addresses, place, nodes, pods_per_second, seed, seconds, browser=not no_browser)
    try:
        with _stoppable() as stop, _running(choices) as (children, observer):
            _wait_ready(children, observer, stop)
            if not stop.is_set():
                _show(choices, children, observer, stop)
    except ChildEnded as ended:
        _end(str(ended), 1)
    click.echo("the demo has ended; its policy, journal and logs are in " + str(place))


@contextlib.contextmanager
def _running(choices: Choices) -> Iterator[tuple[Children, Observer]]:
    """The three programs, from start to end."""
    a, place = choices.addresses, choices.directory
    children, observer = Children(place), Observer(a)
    try:
        children.start(
            "lab",
            "extender.lab",
            f"--listen={a.lab}",
            f"--kubeconfig={place / 'kubeconfig'}",
            f"--nodes={choices.nodes}",
            f"--seed={choices.seed}",
            f"--pods-per-second={choices.pods_per_second}",
            f"--extender=http://{a.scheduler}",
            f"--wait-for=http://{a.admin}/readyz",
        )
        _until((place / "kubeconfig").exists, children)
        children.start(
            "extender",
            "extender",
            f"--listen={a.scheduler}",
            f"--admin={a.admin}",
            f"--policy={place / 'policy.yaml'}",
            f"--kubeconfig={place / 'kubeconfig'}",
            f"--journal={place / 'journal'}",
            f"--load-watcher=http://{a.lab}/watcher",
        )
        children.start(
            "sidecar",
            "analytics",
            f"--listen={a.console}",
            f"--metrics={a.metrics}",
            f"--journal={place / 'journal'}",
            f"--store={place / 'trimtab.duckdb'}",
            f"--extender=http://{a.admin}",
            f"--policy-file={place / 'policy.yaml'}",
            f"--kubeconfig={place / 'kubeconfig'}",
            f"--load-watcher=http://{a.lab}/watcher",
            "--metrics-interval=5s",
        )
        yield children, observer
    finally:
        observer.close()
        children.stop()


def _wait_ready(children: Children, observer: Observer, stop: threading.Event) -> None:
    """Until all three answer. Raises ChildEnded."""
    until = time.monotonic() + READY_LIMIT_S
    told = False
    while not stop.is_set():
        children.check()
        missing = observer.ready()
        if not missing:
            return
        if not told:
            click.echo("starting; the first start compiles the plugins, which takes a while", err=True)
            told = True
        if time.monotonic() > until:
            raise ChildEnded(f"not ready after {READY_LIMIT_S:.0f} s: {', '.join(missing)}")
        stop.wait(_POLL_S)


def _show(choices: Choices, children: Children, observer: Observer, stop: threading.Event) -> None:
    """Draw until stopped, the time is up, or a program ends. Raises ChildEnded."""
    place = choices.directory
    places = Places(choices.addresses, place / "policy.yaml", place / "kubeconfig", place)
    console = Console()
    if choices.browser and console.is_terminal:
        webbrowser.open(f"http://{choices.addresses.console}/")
    until = time.monotonic() + choices.seconds if choices.seconds else None
    with LiveScreen(places, console) if console.is_terminal else PlainScreen(places) as screen:
        while not stop.is_set() and (until is None or time.monotonic() < until):
            children.check()
            screen.show(observer.look())
            stop.wait(LOOK_EVERY_S)


@contextlib.contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set. Before and after, they do what they always do."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until(condition: Callable[[], bool], children: Children) -> None:
    until = time.monotonic() + READY_LIMIT_S
    while not condition():
        children.check()
        if time.monotonic() > until:
            raise ChildEnded("the lab did not come up")
        time.sleep(_POLL_S)


def _directory(given: Path | None) -> Path:
    """./demo, or a temporary folder where that cannot be written. Two runs do not mix their records."""
    place = (given or Path("demo")).absolute()
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / "kubeconfig").unlink(missing_ok=True)
    except OSError:
        if given:
            raise
        place = Path(tempfile.mkdtemp(prefix="trimtab-demo-"))
    write_policy(place / "policy.yaml")
    _forget_last_run(place)
    return place


def _forget_last_run(place: Path) -> None:
    for old in [*place.glob("journal/**/*"), *place.glob("trimtab.duckdb*"), *place.glob("*.log")]:
        if old.is_file():
            old.unlink()


def _end(message: str, code: int) -> NoReturn:
    click.echo(f"trimtab demo: {message}", err=True)
    sys.exit(code)
