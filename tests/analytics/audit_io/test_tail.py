"""Audit logs are followed through every kind of rotation, and each event is stored once."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.audit import Context
from analytics.ingest.audit import Intake
from analytics.ingest.audit.log import FIRST_LINE, LINE_MAX
from analytics.ingest.audit.tail import Tail
from analytics.store import Store
from tests.analytics.audit_io.events import bound, event, line, lines

LATER_S = 3600.0


class Follower:
    """A tail as one run of the sidecar has it; `again` is the next run, on the same store."""

    def __init__(self, path: Path, store: Store) -> None:
        self.path, self.store = path, store
        self.ahead_s = 0.0
        self.again()

    def again(self) -> None:
        import time

        self.intake = Intake(self.store, Context)
        self.tail = Tail(self.path, self.store, self.intake, clock=lambda: time.time() + self.ahead_s)

    def read(self) -> int:
        taken = 0
        while more := self.tail.step():
            taken += more
        return taken

    def stored(self) -> list[str]:
        """Pods bound, in the order of time."""
        return [row[0] for row in self.store.query("SELECT name FROM audit_event ORDER BY at_us, name")]


@pytest.fixture
def follower(store, tmp_path):
    (tmp_path / "log").mkdir()
    follower = Follower(tmp_path / "log" / "audit.log", store)
    yield follower
    follower.tail.close()


def numbered(first, last):
    return [bound(f"p{i:03d}", "node-1", seconds=i) for i in range(first, last)]


def names(first, last):
    return [f"p{i:03d}" for i in range(first, last)]


def append(path, *told):
    with path.open("ab") as file:
        file.write(lines(*told))


def test_r125_a_log_file_is_read_from_its_beginning_and_then_followed(follower):
    append(follower.path, *numbered(0, 3))
    assert follower.read() == 3
    append(follower.path, *numbered(3, 5))
    assert follower.read() == 2
    assert follower.stored() == names(0, 5)


def test_r125_a_file_that_cannot_be_read_is_told_and_read_when_it_can_be(follower):
    assert follower.read() == 0
    assert follower.tail.status()["error"].endswith("there is no such file; it is read as soon as it is there")
    append(follower.path, *numbered(0, 1))
    assert follower.read() == 1
    assert follower.tail.status()["error"] == ""


def test_r125_a_folder_is_no_log(store, tmp_path):
    follower = Follower(tmp_path, store)
    assert follower.read() == 0
    assert "is no regular file" in follower.tail.status()["error"]


def test_a_restart_goes_on_behind_the_last_committed_line(follower):
    append(follower.path, *numbered(0, 3))
    follower.read()
    follower.again()
    append(follower.path, *numbered(3, 4))
    assert follower.read() == 1
    assert follower.stored() == names(0, 4)


def test_a_torn_last_line_is_taken_when_it_is_whole(follower):
    whole = line(numbered(0, 1)[0])
    append(follower.path, *numbered(1, 2))
    with follower.path.open("ab") as file:
        file.write(whole[:100])
    assert follower.read() == 1
    with follower.path.open("ab") as file:
        file.write(whole[100:] + b"\n")
    assert follower.read() == 1
    assert follower.stored() == names(0, 2)
    assert follower.tail.status()["bad_lines"] == 0


def test_a_first_line_that_is_not_whole_yet_waits(follower):
    whole = line(numbered(0, 1)[0])
    follower.path.write_bytes(whole[:200])
    assert follower.read() == 0
    follower.path.write_bytes(whole + b"\n")
    assert follower.read() == 1


def test_rotation_by_renaming_as_the_api_server_does_it(follower):
    append(follower.path, *numbered(0, 3))
    follower.read()
    append(follower.path, *numbered(3, 5))
    follower.path.rename(follower.path.with_name("audit-2026-01-02T03-04-05.000.log"))
    append(follower.path, *numbered(5, 7))
    assert follower.read() == 4
    assert follower.stored() == names(0, 7)


def test_a_file_that_was_renamed_while_we_were_away_is_read_to_its_end(follower):
    append(follower.path, *numbered(0, 3))
    follower.read()
    follower.tail.close()
    append(follower.path, *numbered(3, 5))
    follower.path.rename(follower.path.with_name("audit.log.1"))
    append(follower.path, *numbered(5, 7))
    follower.path.rename(follower.path.with_name("audit-2026-01-02T03-04-05.000.log"))
    append(follower.path, *numbered(7, 8))
    for old in follower.path.parent.glob("audit*"):
        os.utime(old, (2_000_000_000, 2_000_000_000))  # written after our last position
    follower.again()
    assert follower.read() == 5
    assert follower.stored() == names(0, 8)


def test_old_rotated_files_are_not_read_at_a_first_start(follower):
    append(follower.path.with_name("audit.log.1"), *numbered(0, 3))
    append(follower.path, *numbered(3, 5))
    follower.read()
    assert follower.stored() == names(3, 5)


def test_a_file_that_was_deleted_after_its_rotation_is_read_to_its_end(follower):
    append(follower.path, *numbered(0, 3))
    follower.read()
    append(follower.path, *numbered(3, 5))
    follower.path.unlink()
    append(follower.path, *numbered(5, 6))
    follower.read()
    assert follower.stored() == names(0, 6)


def test_a_file_that_is_copied_and_truncated_loses_and_doubles_nothing(follower):
    append(follower.path, *numbered(0, 3))
    follower.read()
    append(follower.path, *numbered(3, 5))  # not read before the copy
    shutil.copy(follower.path, follower.path.with_name("audit.log.1"))
    os.truncate(follower.path, 0)
    append(follower.path, *numbered(5, 7))
    follower.read()
    assert follower.stored() == names(0, 7)
    assert follower.tail.status()["lines"] == 7  # the copy was read from where the original stood


def test_a_truncated_file_that_has_grown_beyond_the_old_place_is_read_from_its_beginning(follower):
    append(follower.path, *numbered(0, 2))
    follower.read()
    follower.path.write_bytes(lines(*numbered(10, 20)))
    follower.read()
    assert follower.stored() == names(0, 2) + names(10, 20)


def test_a_writer_that_keeps_the_old_file_open_is_still_heard(follower):
    append(follower.path, *numbered(0, 1))
    follower.read()
    with follower.path.open("ab") as writer:
        follower.path.rename(follower.path.with_name("audit.log.1"))
        append(follower.path, *numbered(5, 6))
        follower.read()
        writer.write(lines(*numbered(1, 2)))
        writer.flush()
        follower.read()
    assert follower.stored() == [*names(0, 2), *names(5, 6)]


def test_the_torn_end_of_a_rotated_file_is_taken_when_nobody_writes_it_any_more(follower):
    follower.path.write_bytes(lines(*numbered(0, 1)) + line(numbered(1, 2)[0]))
    follower.path.rename(follower.path.with_name("audit.log.1"))
    follower.path.write_bytes(lines(*numbered(2, 3)))
    follower.tail.close()
    os.utime(follower.path.with_name("audit.log.1"), (2_000_000_000, 2_000_000_000))
    append(follower.path.with_name("audit.log.2"), *numbered(9, 10))
    follower.tail.step()  # a first start: only the file with the name
    assert follower.stored() == names(2, 3)
    follower.ahead_s = LATER_S
    append(follower.path, *numbered(3, 4))
    with follower.path.open("ab") as file:
        file.write(line(numbered(4, 5)[0]))  # no newline, and then a rotation
    follower.read()
    follower.path.rename(follower.path.with_name("audit.log.3"))
    append(follower.path, *numbered(5, 6))
    follower.read()
    assert follower.stored() == names(2, 6)


def test_lines_of_a_megabyte_are_read_and_absurd_ones_passed_over(follower):
    big = bound("p000", "node-1", request={"target": {"name": "node-1"}, "pad": "x" * (1 << 20)})
    append(follower.path, big)
    with follower.path.open("ab") as file:
        for _ in range(LINE_MAX // (1 << 20) + 2):
            file.write(b"y" * (1 << 20))
        file.write(b"\n")
    append(follower.path, *numbered(1, 3))
    follower.read()
    assert follower.stored() == names(0, 3)
    assert follower.tail.status()["bad_lines"] == 1
    assert follower.store.query("SELECT body FROM audit_event WHERE name = 'p000'") == [(b"",)]  # too long to keep


def test_what_is_no_event_is_told_and_does_not_stop_what_follows(follower):
    append(follower.path, *numbered(0, 1))
    with follower.path.open("ab") as file:
        file.write(b"not json\n{}\n[]\n\n\xff\xfe\n" + line(numbered(8, 9)[0])[:-30] + b"\n")
        file.write(b'{"auditID":"a","stage":7}\n')
    append(follower.path, *numbered(1, 2))
    follower.read()
    assert follower.stored() == names(0, 2)
    status = follower.tail.status()
    assert status["bad_lines"] == 6  # an empty line is none
    assert all("before byte" in trouble for trouble in status["troubles"])


def test_two_files_whose_first_lines_differ_late_are_told_apart_by_their_inode(follower):
    pad = {"target": {"name": "node-1"}, "pad": "x" * FIRST_LINE}
    append(follower.path, bound("p000", "node-1", id="one", request=pad), *numbered(1, 3))
    follower.read()
    follower.path.rename(follower.path.with_name("audit.log.1"))
    append(follower.path, bound("p009", "node-1", id="two", request=pad))
    follower.read()
    assert follower.stored() == ["p000", "p009", "p001", "p002"]


def test_positions_are_written_with_the_rows_and_pruned(follower):
    for first in range(0, 6, 2):
        append(follower.path, *numbered(first, first + 2))
        follower.read()
    rows = follower.store.query("SELECT position FROM audit_pos ORDER BY position")
    assert rows[-1] == (follower.path.stat().st_size,)
    assert len(rows) == 3
    follower.again()
    follower.read()
    assert len(follower.store.query("SELECT position FROM audit_pos")) == 1


MOVES = st.lists(
    st.sampled_from(
        ["write", "write", "write", "torn", "rename", "copytruncate", "delete", "read", "restart", "twice"]
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(moves=MOVES, seed=st.integers(0, 2**16))
def test_whatever_happens_to_the_file_each_event_that_could_be_read_is_stored_once(moves, seed):
    """A law: rotation by renaming and by copying, restarts and torn writes in any order. What a deletion takes away
    before anybody looked is lost; everything else is there once."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.log"
        store = Store.open(":memory:")
        follower = Follower(path, store)
        written, unread, torn, count = [], [], b"", 0
        append(path, event("get", "nodes", seconds=0, id="first"))
        follower.read()
        for step, move in enumerate(moves):
            if move in ("write", "torn", "twice"):
                told = bound(f"p{count:03d}", "node-1", seconds=count)
                count += 1
                text = torn + line(told) + b"\n"
                torn = b""
                if move == "twice":
                    text *= 2
                cut = draw.randrange(1, len(text)) if move == "torn" else len(text)
                with path.open("ab") as file:
                    file.write(text[:cut])
                torn = text[cut:]
                unread.append(told["objectRef"]["name"])
            elif torn:
                with path.open("ab") as file:
                    file.write(torn)
                torn = b""
            if move == "rename" and path.exists():
                path.rename(path.with_name(f"audit-2026-{step:03d}.log"))
                append(path, event("get", "nodes", seconds=0, id=f"start {step}"))
            elif move == "copytruncate":
                shutil.copy(path, path.with_name(f"audit.log.{step}"))
                os.truncate(path, 0)
                append(path, event("get", "nodes", seconds=0, id=f"start {step}"))
            elif move == "delete":
                follower.read()
                path.unlink()
                append(path, event("get", "nodes", seconds=0, id=f"start {step}"))
            elif move == "read":
                follower.read()
            elif move == "restart":
                follower.read()
                follower.tail.close()
                follower.again()
        with path.open("ab") as file:
            file.write(torn)
        written = unread
        follower.read()
        found = Counter(follower.stored())
        follower.tail.close()
        store.close()
    assert found == Counter(written)


def test_events_of_foreign_envelopes_are_events(follower):
    inner = line(numbered(0, 1)[0]).decode()
    aks = {"time": "t", "category": "kube-audit", "properties": {"log": inner, "pod": "kube-apiserver"}}
    follower.path.write_bytes(json.dumps(aks).encode() + b"\n" + lines(*numbered(1, 2)))
    follower.read()
    assert follower.stored() == names(0, 2)
