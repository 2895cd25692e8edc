"""Scheduled backups: one when it is due, whole, in time order, through restarts and troubles."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from extender.control import Schedule, ScheduledBackups, Seal
from extender.control.archive import POLICY, unpack
from tests.extender.control.desks import NOW, on_files
from tests.extender.policy.a_catalogue import A_POLICY

DAY_S = 86400.0
KEY = b"0123456789abcdef-a-key"


class Scene:
    def __init__(self, folder: Path, seal: Seal | None = None, keep: int = 3) -> None:
        folder.mkdir(exist_ok=True)
        self.now_s = NOW
        self.folder = folder / "backups"
        self.ended: list[bool] = []
        self._desk, self._keep, self._seal = on_files(folder), keep, seal
        self.restart()

    def restart(self) -> None:
        schedule = Schedule(self.folder, DAY_S, self._keep)
        told = lambda made: self.ended.append(made is not None)  # noqa: E731 - one line
        self.backups = ScheduledBackups(self._desk, schedule, self._seal, ended=told, clock=lambda: self.now_s)

    def look(self, after_s: float = 0.0) -> Path | None:
        self.now_s += after_s
        return asyncio.run(self.backups.make_if_due())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_the_first_is_made_at_once_and_holds_the_policy(scene: Scene) -> None:
    made = scene.look()
    assert made is not None
    assert made.name == "policy-20260102T030405Z.tar.gz"
    assert made.stat().st_mode & 0o777 == 0o600
    assert unpack(made.read_bytes())[POLICY].decode() == A_POLICY


def test_the_next_is_due_by_the_files_also_after_a_restart(scene: Scene) -> None:
    assert scene.look() is not None
    scene.restart()
    assert scene.look(DAY_S - 1) is None
    assert scene.look(1) is not None


def test_the_newest_stay(scene: Scene) -> None:
    (scene.folder.parent / "backups").mkdir()
    other = scene.folder / "policy-of-mine.tar.gz"
    other.touch()
    made = [scene.look(DAY_S) for _ in range(5)]
    assert sorted(scene.folder.iterdir()) == sorted([other, *(path for path in made[2:] if path)])


def test_a_file_that_a_wrong_clock_left_in_the_future_delays_nothing(scene: Scene) -> None:
    scene.folder.mkdir()
    future = datetime.fromtimestamp(NOW + 400 * DAY_S, UTC)
    (scene.folder / f"policy-{future:%Y%m%dT%H%M%SZ}.tar.gz").touch()
    (scene.folder / "policy-99999999T999999Z.tar.gz").touch()
    assert scene.look() is not None


def test_trouble_is_told_and_tried_again(scene: Scene) -> None:
    scene.folder.write_text("a file where the folder should be")
    assert scene.look() is None
    assert "File exists" in scene.backups.error
    scene.folder.unlink()
    assert scene.look() is not None
    assert (scene.ended, scene.backups.error) == ([False, True], "")


def test_r283_with_a_key_they_are_sealed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, seal=Seal(KEY))
    made = scene.look()
    assert made is not None
    assert made.suffix == ".sealed"
    assert A_POLICY.encode()[:20] not in made.read_bytes()
    assert POLICY in unpack(made.read_bytes(), seal=Seal(KEY))
