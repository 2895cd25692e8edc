"""The writer: what is offered is on disk, whatever the disk does; and the offer itself never fails or waits."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from extender.journal import Journal
from extender.journal.disk import Disk
from extender.record.frames import Decision, Event, Gap, NodeScore, Outcome, PodRef, decode
from extender.record.reader import Found, JournalReader, segments_of
from tests.known import known

POD = PodRef("team-a", "web-0", "uid-1")


def decision(number, **more):
    return Decision(at_us=number, decision=f"d{number}", attempt=1, verb="filter", pod=POD, **more)


def read_all(directory):
    reader = JournalReader([directory])
    items = reader.read(1_000_000, 1 << 30)
    reader.close()
    return items


def frames(directory):
    return [decode(item.frame.payload) for item in read_all(directory) if isinstance(item, Found)]


def ids(directory):
    return [frame.decision for frame in frames(directory) if isinstance(frame, Decision)]


def wait_for(condition, within_s=20.0):
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


class BadDisk(Disk):
    """A disk whose writes fail as told: `trouble(data)` raises, or answers how many bytes are written."""

    def __init__(self):
        self.trouble = None
        self.cut = True
        self.writers = []

    def write(self, file, data):
        self.writers.append(threading.current_thread().name)
        if self.trouble is not None:
            return super().write(file, data[: self.trouble(data)])
        return super().write(file, data)

    def truncate(self, file, size):
        if not self.cut:
            raise OSError(errno.EIO, "cannot cut")
        super().truncate(file, size)


def fails_with(number):
    def trouble(_data):
        raise OSError(number, os.strerror(number))

    return trouble


@pytest.fixture
def journal_of(tmp_path):
    opened = []

    def make(**options):
        options.setdefault("sync_interval_s", 0.005)
        options.setdefault("hold_s", 0.01)
        options.setdefault("retry_s", 0.01)
        journal = Journal(options.pop("directory", tmp_path), **options)
        opened.append(journal)
        return journal

    yield make
    for journal in opened:
        journal.close()


def test_what_is_offered_is_read_back_in_order(tmp_path, journal_of):
    journal = journal_of()
    for number in range(200):
        journal.offer(decision(number))
    assert journal.flush()
    assert ids(tmp_path) == [f"d{n}" for n in range(200)]


def test_closing_seals_and_loses_nothing(tmp_path, journal_of):
    journal = journal_of()
    for number in range(50):
        journal.offer(decision(number))
    journal.close()
    assert ids(tmp_path) == [f"d{n}" for n in range(50)]
    assert all(s.sealed for s in segments_of(tmp_path / journal.producer) if s.path.stat().st_size > 200)


def test_in_good_times_the_offering_thread_writes_itself(journal_of):
    disk = BadDisk()
    journal = journal_of(disk=disk, slow_write_s=10.0)
    assert journal.flush()
    before = len(disk.writers)
    journal.offer(decision(1))
    assert disk.writers[before:] == [threading.current_thread().name]


def test_without_a_directory_nothing_is_kept_and_nothing_is_said(journal_of):
    journal = journal_of(directory=None)
    journal.offer(decision(1))
    assert journal.status()["directory"] is None
    assert journal.flush()


def test_a_full_segment_is_sealed_and_the_next_begins(tmp_path, journal_of):
    journal = journal_of(segment_bytes=2000)
    for number in range(100):
        journal.offer(decision(number))
    assert journal.flush()
    files = segments_of(tmp_path / journal.producer)
    assert len(files) > 5
    assert [f.sealed for f in files] == [True] * (len(files) - 1) + [False]
    assert all(f.path.stat().st_size <= 2000 for f in files)
    assert ids(tmp_path) == [f"d{n}" for n in range(100)]


def test_a_frame_longer_than_a_segment_gets_one_of_its_own(tmp_path, journal_of):
    journal = journal_of(segment_bytes=1000)
    journal.offer(decision(1))
    journal.offer(decision(2, candidates=["node"] * 1000))
    journal.offer(decision(3))
    assert journal.flush()
    assert ids(tmp_path) == ["d1", "d2", "d3"]


def test_an_idle_segment_is_sealed(tmp_path, journal_of):
    journal = journal_of(segment_idle_s=0.02)
    journal.offer(decision(1))
    wait_for(lambda: any(f.sealed for f in segments_of(tmp_path / journal.producer)))
    journal.offer(decision(2))
    assert journal.flush()
    assert ids(tmp_path) == ["d1", "d2"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EAGAIN])
def test_a_failing_disk_costs_nothing_while_the_buffer_holds(tmp_path, journal_of, number):
    disk = BadDisk()
    journal = journal_of(disk=disk)
    journal.offer(decision(0))
    assert journal.flush()
    disk.trouble = fails_with(number)
    for at in range(1, 100):
        journal.offer(decision(at))
    assert journal.status()["bufferedFrames"] > 0
    assert journal.status()["writing"] == "buffered"
    wait_for(lambda: journal.status()["trouble"])
    disk.trouble = None
    assert journal.flush(20.0)
    assert ids(tmp_path) == [f"d{n}" for n in range(100)]
    assert journal.status()["trouble"] == ""


@pytest.mark.parametrize("cut", [True, False])
def test_a_frame_written_in_part_is_cut_off_or_stepped_over_and_written_again(tmp_path, journal_of, cut):
    disk = BadDisk()
    journal = journal_of(disk=disk)
    journal.offer(decision(0))
    assert journal.flush()
    disk.cut = cut
    disk.trouble = lambda data: len(data) // 2
    journal.offer(decision(1))
    wait_for(lambda: len(disk.writers) > 5)
    disk.trouble = None
    journal.offer(decision(2))
    assert journal.flush(20.0)
    assert ids(tmp_path) == ["d0", "d1", "d2"]
    damaged = [item for item in read_all(tmp_path) if not isinstance(item, Found)]
    assert bool(damaged) is not cut


def test_a_slow_write_hands_the_disk_to_the_journals_own_thread(tmp_path, journal_of):
    disk = BadDisk()
    journal = journal_of(disk=disk, slow_write_s=-1.0, hold_s=1000.0)
    wait_for(lambda: journal.status()["writing"] == "direct")
    journal.offer(decision(0))
    assert journal.status()["writing"] == "buffered"
    journal.offer(decision(1))
    wait_for(lambda: journal.status()["records"] == 2)
    assert disk.writers[-1] == "journal"
    assert ids(tmp_path) == ["d0", "d1"]


def test_when_memory_is_full_detail_goes_before_facts_and_loss_is_told_in_a_gap(tmp_path, journal_of):
    disk = BadDisk()
    journal = journal_of(disk=disk, buffer_bytes=20_000)
    assert journal.flush()
    disk.trouble = fails_with(errno.ENOSPC)
    best = [NodeScore("node-1", 5)]
    for at in range(400):
        journal.offer(decision(at, candidates=["node"] * 100, best=best))
    journal.offer(Outcome(at_us=500, decision="d0", pod=POD, result="bound"))
    status = journal.status()
    assert status["bufferedBytes"] <= 20_000
    lost = status["pendingGaps"]["full"]
    assert lost > 0
    disk.trouble = None
    assert journal.flush(20.0)
    kept = frames(tmp_path)
    decisions = [f for f in kept if isinstance(f, Decision)]
    gaps = [f for f in kept if isinstance(f, Gap)]
    assert sum(gap.count for gap in gaps) == lost
    assert len(decisions) + lost in (400, 401)
    assert all(gap.cause == "full" and gap.from_us <= gap.to_us for gap in gaps)
    # 400 detailed frames of 800 bytes never fit: many more are kept because they are lean.
    assert len(decisions) > 20_000 // 800
    # One at most: the frame that was being tried just then.
    assert sum(bool(f.candidates) for f in decisions) <= 1
    assert status["strippedFrames"] >= len(decisions) - 1


def test_events_go_before_decisions(tmp_path, journal_of):
    disk = BadDisk()
    journal = journal_of(disk=disk, buffer_bytes=5_000)
    assert journal.flush()
    disk.trouble = fails_with(errno.EIO)
    for at in range(30):
        journal.offer(Event(at_us=at, generation=at, change="NodeUpserted", value={"text": "x" * 100}))
    for at in range(15):
        journal.offer(decision(at))
    disk.trouble = None
    assert journal.flush(20.0)
    assert ids(tmp_path) == [f"d{n}" for n in range(15)]


def test_a_missing_directory_is_made_and_a_deleted_one_is_made_again(tmp_path, journal_of):
    directory = tmp_path / "not" / "there" / "yet"
    journal = journal_of(directory=directory)
    journal.offer(decision(1))
    assert journal.flush()
    assert ids(directory) == ["d1"]
    shutil.rmtree(directory)
    wait_for(directory.exists)
    journal.offer(decision(2))
    assert journal.flush()
    assert ids(directory) == ["d2"]


def test_a_directory_that_cannot_be_made_is_tried_again_and_offers_go_on(tmp_path, journal_of):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the directory should be")
    journal = journal_of(directory=blocked)
    journal.offer(decision(1))
    wait_for(lambda: journal.status()["trouble"])
    blocked.unlink()
    assert journal.flush(20.0)
    assert ids(blocked) == ["d1"]


def test_the_oldest_sealed_segments_go_when_the_budget_is_exceeded(tmp_path):
    with_many = Journal(tmp_path, segment_bytes=1500, producer="old", sync_interval_s=0.005)
    for number in range(200):
        with_many.offer(decision(number))
    with_many.close()
    last = segments_of(tmp_path / "old")[-1].number
    journal = Journal(tmp_path, budget_bytes=10_000, sync_interval_s=0.005)
    wait_for(lambda: journal.status()["deletedSegments"] > 0)
    journal.close()
    left = [s.number for s in segments_of(tmp_path / "old")]
    assert left == list(range(left[0], last + 1))
    assert left[0] > 1
    assert sum(f.stat().st_size for f in tmp_path.rglob("*.seg")) <= 10_000


def test_open_segments_of_dead_extenders_are_sealed_and_those_of_live_ones_left(tmp_path, journal_of):
    code = (
        "import os, sys; from pathlib import Path; from extender.journal import Journal\n"
        "from extender.record.frames import Gap\n"
        "journal = Journal(Path(sys.argv[1]), producer='dead')\n"
        "journal.offer(Gap(at_us=1, from_us=1, to_us=1, count=1, cause='full')); assert journal.flush(); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    assert [s.sealed for s in segments_of(tmp_path / "dead")] == [False]
    live = journal_of(producer="live")
    live.offer(decision(1))
    assert live.flush()
    wait_for(lambda: all(s.sealed for s in segments_of(tmp_path / "dead")))
    other = journal_of(producer="other")
    assert other.flush()
    assert [s.sealed for s in segments_of(tmp_path / "live")] == [False]


def test_a_frame_that_cannot_be_encoded_or_is_too_long_is_counted_and_the_next_is_written(tmp_path, journal_of):
    journal = journal_of()
    assert journal.flush()
    journal.offer(decision(1, features={"x": object()}))
    journal.offer(decision(2, message="m" * (33 << 20)))
    journal.offer(decision(3))
    assert journal.flush()
    kept = frames(tmp_path)
    assert [f.decision for f in kept if isinstance(f, Decision)] == ["d3"]
    assert {f.cause: f.count for f in kept if isinstance(f, Gap)} == {"encode": 1, "oversize": 1}


def test_offers_from_many_threads_all_arrive_once(tmp_path, journal_of):
    journal = journal_of(segment_bytes=5000)
    threads = [
        threading.Thread(target=lambda base=base: [journal.offer(decision(base + n)) for n in range(200)])
        for base in (0, 1000, 2000, 3000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.flush(20.0)
    found = read_all(tmp_path)
    assert sorted(ids(tmp_path)) == sorted(f"d{b + n}" for b in (0, 1000, 2000, 3000) for n in range(200))
    assert [item.frame.sequence for item in found] == list(range(1, 801))


def test_an_offer_after_close_is_counted_not_raised(journal_of):
    journal = journal_of()
    journal.close()
    journal.offer(decision(1))
    assert journal.status()["pendingGaps"] == {"closed": 1}


def test_a_process_killed_at_any_moment_leaves_every_flushed_frame_readable(tmp_path):
    code = (
        "import sys; from pathlib import Path; from extender.journal import Journal\n"
        "from extender.record.frames import Decision, PodRef\n"
        "journal = Journal(Path(sys.argv[1]), segment_bytes=20_000, sync='never'); pod = PodRef('a', 'b', 'c'); n = 0\n"
        "assert journal.flush()\n"
        "while True:\n"
        "    journal.offer(Decision(at_us=n, decision=f'd{n}', attempt=1, verb='filter', pod=pod))\n"
        "    assert journal.flush(); print(n, flush=True); n += 1\n"
    )
    for pause in (0.3, 0.5, 0.7):
        directory = tmp_path / str(pause)
        child = subprocess.Popen([sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True)
        first = known(child.stdout).readline()
        time.sleep(pause)
        child.kill()
        said = [first, *known(child.stdout).read().split("\n")]
        child.wait()
        acknowledged = max(int(line) for line in said[:-1] if line.strip())
        found = ids(directory)
        assert found == [f"d{n}" for n in range(len(found))]
        assert len(found) > acknowledged


@pytest.fixture
def tiny_volume(tmp_path):
    """A real file system of 64 KiB. Where mounting is not permitted the test says so and is skipped."""
    place = tmp_path / "volume"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.strip()} (faulty disks are covered by BadDisk)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_volume_that_is_really_full_delays_frames_and_loses_none_that_fit_in_memory(tiny_volume):
    ballast = tiny_volume / "ballast"
    ballast.write_bytes(b"x" * 40_000)
    journal = Journal(
        tiny_volume / "journal",
        sync_interval_s=0.005,
        hold_s=0.01,
        retry_s=0.01,
        budget_bytes=1 << 20,
        segment_bytes=8_000,
    )
    for number in range(150):
        journal.offer(decision(number, message="m" * 100))
    wait_for(lambda: journal.status()["trouble"])
    assert journal.status()["bufferedFrames"] > 0
    ballast.unlink()
    assert journal.flush(20.0)
    journal.close()
    assert ids(tiny_volume / "journal") == [f"d{n}" for n in range(150)]
