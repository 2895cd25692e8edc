"""R-246: a tool that is off costs nothing."""

from __future__ import annotations

import threading
from threading import Event

from prometheus_client import CollectorRegistry, Counter, generate_latest

from analytics.store import Store
from analytics.switches import Switches
from analytics.views.declaration import View, Worker
from analytics.views.sources import Sources


def a_view(tool: str, began: list[str], ended: list[str]) -> View:
    def run(_sources: Sources, stop: Event) -> None:
        began.append(tool)
        stop.wait()
        ended.append(tool)

    counted = Counter(f"switch_{tool}_total", "Counted.", registry=None)
    return View(tool, tool, (), tool, workers=(Worker(f"{tool}-work", run),), collectors=(counted,))


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_r246_workers_and_metrics_come_and_go_with_the_switch() -> None:
    began: list[str] = []
    ended: list[str] = []
    registry = CollectorRegistry()
    store = Store.open(":memory:")
    switches = Switches([a_view("one", began, ended), a_view("two", began, ended)], Sources(store), registry)
    assert (switches.on("one"), switches.on("")) == (False, True)
    switches.switch({"two"})
    assert (switches.on("one"), switches.on("two")) == (True, False)
    assert switches.checks() == {"one-work": "ok"}
    assert b"switch_one_total" in generate_latest(registry)
    assert b"switch_two_total" not in generate_latest(registry)
    switches.switch({"one"})
    assert ended == ["one"]
    assert "one-work" not in threads()
    assert b"switch_one_total" not in generate_latest(registry)
    switches.switch(())
    switches.switch(())
    assert (switches.on("one"), switches.on("two")) == (True, True)
    switches.stop()
    assert sorted(ended) == ["one", "one", "two"]
    assert generate_latest(registry) == b""
    store.close()
