"""The settings that are followed while the sidecar runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from analytics.config import metrics
from analytics.config.folders import Unreadable, read_folder
from analytics.config.values import TOOL_OF_KEY, Problem, Values, values_of

LOOK_EVERY_S: Final = 2.0
_LOG: Final = logging.getLogger(__name__)
Changed = Callable[[Values], None]


class LiveConfig:
    """Values from folders and ConfigMaps, later sources over earlier ones. Any thread may ask or put."""

    def __init__(self, start: Values, folders: Sequence[Path] = (), configmaps: Sequence[str] = ()) -> None:
        """`start`: what counts where no key is given. `configmaps`: names of those that `put` will bring, so that
        their order is known."""
        self._start = self._values = start
        self._folders = {str(folder): folder for folder in folders}
        self._texts: dict[str, Mapping[str, str]] = {name: {} for name in (*self._folders, *configmaps)}
        self._troubles: dict[str, list[Problem]] = {}
        self._problems: list[Problem] = []
        self._told: frozenset[str] = frozenset()
        self._lock = threading.RLock()
        self._listeners: list[Changed] = []

    @property
    def values(self) -> Values:
        return self._values

    @property
    def problems(self) -> Sequence[Problem]:
        return tuple(self._problems)

    def on_change(self, listener: Changed) -> None:
        """Called with the values that are in effect now, and with all later ones."""
        with self._lock:
            self._listeners.append(listener)
            listener(self._values)

    def put(self, source: str, texts: Mapping[str, str], problems: Sequence[Problem] = ()) -> None:
        """What a source holds now, as a whole."""
        with self._lock:
            self._hold(source, texts, problems)
            self._judge()

    def fail(self, source: str, message: str) -> None:
        """The source cannot be read; what it held stays."""
        with self._lock:
            self._troubles[source] = [Problem(source, "", message)]
            self._judge()

    def look(self) -> None:
        """Read all folders once, and then judge what they hold together."""
        with self._lock:
            for name, folder in self._folders.items():
                try:
                    self._hold(name, *read_folder(folder))
                except Unreadable as why:
                    self._troubles[name] = [Problem(name, "", str(why))]
            self._judge()

    def follow(self, stop: threading.Event) -> None:
        """Read the folders again and again until `stop`."""
        while not stop.wait(LOOK_EVERY_S):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - whoever listens has a fault; the settings are followed on
                _LOG.exception("a change of the settings could not be carried out")

    def status(self) -> dict[str, Any]:
        """For people: what is in effect, and what is not and why."""
        with self._lock:
            values = self._values
            return {
                "environment": values.environment,
                "replicas": values.replicas,
                "metrics_interval_seconds": values.interval_s,
                "log": {"level": values.level, "format": values.format, "output": values.output},
                "sources": list(self._texts),
                "problems": [
                    {"source": each.source, "key": each.key, "message": each.message} for each in self._problems
                ],
            }

    def _hold(self, source: str, texts: Mapping[str, str], problems: Sequence[Problem]) -> None:
        self._texts[source] = dict(texts)
        self._troubles[source] = list(problems)

    def _judge(self) -> None:
        given = {key: (source, text) for source, texts in self._texts.items() for key, text in texts.items()}
        values, problems = values_of(given, self._start, self._values)
        self._problems = [*(each for some in self._troubles.values() for each in some), *problems]
        metrics.PROBLEMS.set(len(self._problems))
        self._tell()
        if values == self._values:
            return
        before, self._values = self._values, values
        for listener in self._listeners:
            listener(values)
        _LOG.info("settings changed: %s", ", ".join(_differences(before, values)))

    def _tell(self) -> None:
        """Each problem once, as long as it stays."""
        told = frozenset(str(each) for each in self._problems)
        for text in sorted(told - self._told):
            _LOG.warning("%s", text)
        self._told = told


def _differences(before: Values, after: Values) -> list[str]:
    names = ("environment", "replicas", "interval_s", "level", "format", "output")
    changed = [f"{name} {getattr(after, name)}" for name in names if getattr(before, name) != getattr(after, name)]
    tools = sorted(set(TOOL_OF_KEY.values()) & (before.off ^ after.off))
    return changed + [f"{tool} {'off' if tool in after.off else 'on'}" for tool in tools]
