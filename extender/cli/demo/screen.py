"""How the demo shows itself: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from extender.cli.demo.figures import Figures
from extender.cli.demo.ports import Addresses

PLAIN_EVERY_S = 5.0
_REASONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are."""

    addresses: Addresses
    policy: Path
    kubeconfig: Path
    directory: Path

    def lines(self) -> list[tuple[str, str]]:
        """(what, where), most useful first."""
        a = self.addresses
        return [
            ("page", f"http://{a.console}/"),
            ("policy file", str(self.policy)),
            ("scheduler verbs", f"http://{a.scheduler}/filter /prioritize /preempt /bind"),
            ("extender admin", f"http://{a.admin}/configz /catalogue /leases /metrics"),
            ("sidecar metrics", f"http://{a.metrics}/metrics"),
            ("simulated cluster", f"http://{a.lab}  (kubectl --kubeconfig {self.kubeconfig} get nodes)"),
            ("logs, journal", str(self.directory)),
        ]


HINTS = (
    "open the page and follow one decision",
    "edit the policy file, save, and watch the revision below change within a second",
    "misspell a plugin in it: nothing breaks, and the reason shows here",
)


class PolicyWatch:
    """Turns changes of revision, error and what is left out into one line about the last policy event."""

    def __init__(self) -> None:
        self.last = "waiting for the first policy"
        self._seen: tuple[str, str, tuple[str, ...]] = ("", "", ())

    def see(self, figures: Figures) -> bool:
        """Whether there is something new to say."""
        seen = (figures.revision, figures.policy_error, figures.skipped)
        if seen == self._seen:
            return False
        at = time.strftime("%H:%M:%S")
        if figures.policy_error:
            self.last = f"{at} refused, the last good one stays: {figures.policy_error}"
        elif figures.revision:
            self.last = f"{at} in effect: revision {figures.revision[:12]}"
        if figures.skipped:
            self.last += f"; left out now: {', '.join(figures.skipped)}"
        self._seen = seen
        return True


class PlainScreen:
    """Lines for logs and pipes."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._policy = PolicyWatch()
        self._next = 0.0

    def __enter__(self) -> Self:
        for what, where in self._places.lines():
            _say(f"{what}: {where}")
        for hint in HINTS:
            _say(f"try: {hint}")
        return self

    def __exit__(self, *_exc: object) -> None:
        return

    def show(self, figures: Figures) -> None:
        if self._policy.see(figures):
            _say(f"policy: {self._policy.last}")
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_EVERY_S
            _say(summary(figures))
            for line in _rejections(figures):
                _say(line)


class LiveScreen:
    """A panel that is drawn anew with every look."""

    def __init__(self, places: Places, console: Console) -> None:
        self._places = places
        self._policy = PolicyWatch()
        self._live = Live(Text("starting"), console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, figures: Figures) -> None:
        self._policy.see(figures)
        self._live.update(self._panel(figures), refresh=True)

    def _panel(self, figures: Figures) -> Panel:
        where = Table.grid(padding=(0, 2))
        for what, place in self._places.lines():
            where.add_row(Text(what, style="bold"), Text(place, style="cyan"))
        hints = Text("\n".join(f"try: {hint}" for hint in HINTS), style="italic")
        lines: list[Text | Table] = [where, Text(), hints, Text(), Text(summary(figures), style="bold green")]
        lines.extend(Text(line, style="yellow") for line in _rejections(figures))
        happened = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in sorted(figures.simulation.items()))
        lines.append(Text(f"cluster: {happened or 'quiet'}", style="dim"))
        bad = "red" if "refused" in self._policy.last else "magenta"
        lines.append(Text(f"policy: {self._policy.last}", style=bad))
        lines.extend(Text(f"scheduler would fail: {error}", style="red") for error in figures.errors[-1:])
        return Panel(Group(*lines), title="Trimtab demo", subtitle="Ctrl-C ends it all")


def summary(figures: Figures) -> str:
    """The one line that matters."""
    p50 = ", ".join(
        f"{verb} {figures.p50_ms[verb]:.1f}" for verb in ("filter", "prioritize", "bind") if verb in figures.p50_ms
    )
    out = f" ({figures.nodes_out} out)" if figures.nodes_out else ""
    return (
        f"{figures.bound} bound, {figures.waiting} pending, {figures.pods.get('running', 0)} running on "
        f"{figures.nodes} nodes{out}, {figures.per_second:.1f} decisions/s, {figures.preemptions} preemptions; "
        f"p50 ms: {p50 or 'none yet'}"
    )


def _rejections(figures: Figures) -> list[str]:
    """Why the extender said no, most frequent reason first."""
    return [f"rejected {nodes} nodes: {reason}" for reason, nodes in list(figures.rejected.items())[:_REASONS_SHOWN]]


def _say(line: str) -> None:
    print(line, flush=True)
