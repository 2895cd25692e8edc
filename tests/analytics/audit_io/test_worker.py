"""The worker follows the logs that the settings name, and the status tells how far."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from analytics.store import Store
from analytics.store.audit import Audits
from analytics.views.audit.view import VIEW
from analytics.views.audit.worker import states
from analytics.views.sources import Sources, ToolSettings
from tests.analytics.audit_io.events import bound, lines


class Running:
    def __init__(self, store, *logs):
        self.store = store
        self.settings = ToolSettings(audit_logs=tuple(logs))
        self.sources = Sources(store, settings=lambda: self.settings)


@contextmanager
def running(store, *logs):
    own = Running(store, *logs)
    stop = threading.Event()
    (worker,) = VIEW.workers
    thread = threading.Thread(target=worker.run, args=(own.sources, stop), daemon=True)
    thread.start()
    yield own
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def until(what, holds):
    limit = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


@pytest.fixture
def memory():
    store = Store.open(":memory:")
    yield store
    store.close()


def test_logs_are_followed_and_one_that_is_named_later_too(memory, tmp_path):
    first, second = tmp_path / "one.log", tmp_path / "two.log"
    first.write_bytes(lines(bound("web-0", "n")))
    with running(memory, first) as own:
        until("the first log is read", lambda: Audits(memory).count() == 1)
        second.write_bytes(lines(bound("web-1", "n"), bound("web-2", "n")))
        own.settings = replace(own.settings, audit_logs=(first, second))
        until("the second log is read", lambda: Audits(memory).count() == 3)
        until("both are told", lambda: len(states(memory)) == 2)
        told = {state["path"]: state for state in states(memory)}
        assert told[str(second)]["position"] == told[str(second)]["size"] == second.stat().st_size
        assert told[str(second)]["behind_bytes"] == 0
        own.settings = replace(own.settings, audit_logs=(second,))
        until("one is left", lambda: [state["path"] for state in states(memory)] == [str(second)])


def test_a_log_that_is_missing_is_told_and_does_not_stop_another(memory, tmp_path):
    here = tmp_path / "here.log"
    here.write_bytes(lines(bound("web-0", "n")))
    with running(memory, tmp_path / "missing.log", here):
        until("the other is read", lambda: Audits(memory).count() == 1)
        errors = {state["path"]: state["error"] for state in states(memory)}
    assert "no such file" in errors[str(tmp_path / "missing.log")]
    assert errors[str(here)] == ""


def test_a_store_that_was_lost_is_filled_again_from_the_logs_that_are_there(memory, tmp_path):
    log = tmp_path / "audit.log"
    log.write_bytes(lines(bound("web-0", "n"), bound("web-1", "n")))
    with running(memory, log):
        until("the log is read", lambda: Audits(memory).count() == 2)
        memory.execute([("DELETE FROM audit_event", ()), ("DELETE FROM audit_pos", ()), ("DELETE FROM finding", ())])
        memory.moved_aside.append("store.damaged")  # as the ingest leaves it when it has made a new one
        until("the log is read again", lambda: Audits(memory).count() == 2)
