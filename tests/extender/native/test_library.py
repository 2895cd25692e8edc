"""Where the code of native functions comes from: prebuilt, kept, or made; a damaged file never ends the process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from extender.native import library
from extender.native.folders import Folders
from extender.native.function import Family, NativeFunction, NotLoaded
from extender.native.kinds import Int64s, kinds_of
from extender.native.library import build, load
from extender.native.sealed import read_sealed
from tests.compiled_only import compiled_only

pytestmark = compiled_only

TEXT = """
def rule(counts: Int64s, more: int) -> int:
    return counts[0] {operator} more
"""


def a_function(operator: str = "+") -> NativeFunction:
    """Fresh: as a new process has it."""
    module = types.ModuleType("under_test")
    module.__dict__["Int64s"] = Int64s
    exec(TEXT.format(operator=operator), module.__dict__)  # noqa: S102
    return NativeFunction(module.__dict__["rule"], kinds_of(module.__dict__["rule"]), lambda: None)


def impossible(counts: Int64s, more: int) -> int:
    return open(str(counts)) + more  # type: ignore[operator]  # noqa: PTH123


def an_impossible_one() -> NativeFunction:
    return NativeFunction(impossible, kinds_of(impossible), lambda: None)


def answer(function: NativeFunction) -> int:
    return function(np.array([40], np.int64), 2)


@pytest.fixture
def nothing_compiles(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called."""

    def forbid() -> None:
        monkeypatch.setattr(sys, "executable", "/nonexistent/python")
        monkeypatch.setenv("CC", "/nonexistent/cc")

    return forbid


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A folder in which nothing can be made, even by root: a file stands in its place below."""
    (tmp_path / "taken").write_text("")
    return tmp_path / "taken" / "kernels"


def test_what_was_made_once_is_found_again(tmp_path: Path, nothing_compiles: Callable[[], None]) -> None:
    load([a_function()], Folders(tmp_path))
    nothing_compiles()
    again = a_function()
    load([again], Folders(tmp_path))
    assert answer(again) == 42


def test_a_changed_function_is_another_library(tmp_path: Path) -> None:
    for operator, told in (("+", 42), ("-", 38), ("+", 42)):
        function = a_function(operator)
        load([function], Folders(tmp_path))
        assert answer(function) == told
    assert len(list(tmp_path.glob("trimtab-*.so"))) == 2


def test_of_a_changed_set_only_what_is_new_is_compiled(tmp_path: Path) -> None:
    load([a_function("+"), a_function("-")], Folders(tmp_path))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "objects").iterdir()}
    load([a_function("+"), a_function("-"), a_function("*")], Folders(tmp_path))
    now = {path: path.stat().st_mtime_ns for path in (tmp_path / "objects").iterdir()}
    assert len(now) == len(kept) + 1
    assert kept.items() <= now.items()


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda _: b"", lambda whole: whole[::-1]])
def test_a_damaged_library_is_made_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    load([a_function()], Folders(tmp_path))
    (path,) = tmp_path.glob("trimtab-*.so")
    for kept in (path, *(tmp_path / "objects").iterdir()):
        whole = kept.read_bytes()
        kept.unlink()  # this process has it mapped
        kept.write_bytes(damage(whole))
    again = a_function()
    load([again], Folders(tmp_path))
    assert answer(again) == 42
    assert read_sealed(path) is not None


def test_a_prebuilt_library_needs_no_compiler_and_no_room(
    tmp_path: Path, read_only: Path, nothing_compiles: Callable[[], None]
) -> None:
    path, refused = build([a_function()], tmp_path / "image", tmp_path / "cache")
    assert refused == {}
    nothing_compiles()
    function = a_function()
    load([function], Folders(read_only, tmp_path / "image"))
    assert answer(function) == 42
    assert list((tmp_path / "image").iterdir()) == [path]


def test_a_prebuilt_folder_of_other_functions_is_said_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build([a_function("-")], tmp_path / "image", tmp_path)
    function = a_function()
    load([function], Folders(tmp_path, tmp_path / "image"))
    assert answer(function) == 42
    assert "no library for these plugins" in caplog.text


def test_a_function_that_does_not_compile_is_left_out_alone(
    tmp_path: Path, nothing_compiles: Callable[[], None]
) -> None:
    for _ in range(2):
        good, bad = a_function(), an_impossible_one()
        load([good, bad], Folders(tmp_path))
        assert answer(good) == 42
        assert "impossible does not compile" in bad.refused
        with pytest.raises(NotLoaded, match="does not compile"):
            answer(bad)
        nothing_compiles()  # the reason is kept too


def test_building_says_what_is_left_out(tmp_path: Path) -> None:
    _path, refused = build([a_function(), an_impossible_one()], tmp_path / "image", tmp_path)
    assert list(refused) == [an_impossible_one().title]


def test_without_a_c_compiler_code_is_linked_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CC", "/nonexistent/cc -pipe")
    for _ in range(2):
        function, bad = a_function(), an_impossible_one()
        load([function, bad], Folders(tmp_path))
        assert answer(function) == 42
        assert bad.refused
    assert "linked in memory" in caplog.text
    assert "/nonexistent/cc" in caplog.text
    assert list(tmp_path.glob("*.so")) == []


def test_a_folder_that_cannot_be_written_costs_time_and_is_said(
    read_only: Path, caplog: pytest.LogCaptureFixture
) -> None:
    function = a_function()
    load([function], Folders(read_only))
    assert answer(function) == 42
    assert "set --kernel-cache" in caplog.text


def test_where_nothing_at_all_can_be_written_code_stays_in_memory(
    read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(read_only))
    function = a_function()
    load([function], Folders(read_only))
    assert answer(function) == 42


def test_without_anything_that_compiles_it_is_said_what_to_do(
    tmp_path: Path, nothing_compiles: Callable[[], None]
) -> None:
    nothing_compiles()
    with pytest.raises(NotLoaded, match="trimtab kernels build"):
        load([a_function()], Folders(tmp_path))


def test_the_oldest_libraries_leave_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "LIBRARIES_KEPT_MAX", 2)
    for age in range(4):
        old = tmp_path / f"trimtab-{age}.so"
        old.write_bytes(b"")
        os.utime(old, (age, age))
    function = a_function()
    load([function], Folders(tmp_path))
    assert answer(function) == 42
    left = {path.name for path in tmp_path.glob("trimtab-*.so")}
    assert "trimtab-3.so" in left
    assert len(left) == 2


def test_a_family_loads_itself_where_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    native = Family()

    @native
    def doubled(count: int) -> int:
        return 2 * count

    assert doubled(21) == 42
    assert list((tmp_path / "trimtab" / "kernels").glob("trimtab-*.so"))


_RUN = """
import sys
from pathlib import Path
from extender.framework.compiled import compile_all
from extender.plugins import pod_state
from extender.wire.kernels import native
compile_all([pod_state.PLUGIN], Path(sys.argv[1]), beside=native)
from extender.wire.codec import warm
warm()
print(sorted({name.split(".")[0] for name in sys.modules} & {"numba", "llvmlite"}))
"""


def test_the_process_that_runs_kernels_imports_no_compiler(tmp_path: Path) -> None:
    for _ in ("made", "found"):
        done = subprocess.run([sys.executable, "-c", _RUN, str(tmp_path)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


_PLAIN = """
import sys
from pathlib import Path
import numpy as np
from extender.framework.compiled import compile_all
from extender.plugins import pod_state
from tests.extender.framework.a_cycle import a_cycle, a_table
ready = compile_all([pod_state.PLUGIN], Path(sys.argv[1]))["PodState"]
raw = np.zeros(3, np.int64)
ready.score_rows(a_cycle(a_table(2, terminating_count=[1, 5]), [1, -1, 0]), raw)
print(raw.tolist(), ready.normalize(raw).tolist())
"""


def test_with_the_compiler_off_python_runs_the_same_loops(tmp_path: Path) -> None:
    told = set()
    for off in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", _PLAIN, str(tmp_path / off)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"NUMBA_DISABLE_JIT": off},
        )
        told.add(done.stdout)
    assert told == {"[5, 0, 1] [100, 0, 20]\n"}
    assert not (tmp_path / "1").exists()


@pytest.fixture(autouse=True)
def _warnings_are_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
