"""Generated loops: named by what they depend on, cached, compiled once."""

from __future__ import annotations

import importlib.util
import linecache
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from extender.framework import NoArgs, loop
from extender.framework.binding import bind
from extender.framework.cache import KernelCacheError
from extender.framework.loop import LoopError, filter_loop, prune, score_loop

RULE = """
FACTOR = {factor}


def doubled(node_pod_count: int) -> int:
    return {call}(node_pod_count) * FACTOR


def helper(count: int) -> int:
    return {helper}
"""


def a_rule(folder: Path, *, factor: int = 2, helper: str = "count + 1", call: str = "helper") -> Callable[..., int]:
    """The rule of a module with exactly this text."""
    path = folder / "kernel_under_test.py"
    path.write_text(RULE.format(factor=factor, helper=helper, call=call))
    linecache.clearcache()
    spec = importlib.util.spec_from_file_location("kernel_under_test", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    exec(compile(path.read_text(), path, "exec"), module.__dict__)  # noqa: S102 - never a stale .pyc
    sys.modules[spec.name] = module
    return module.doubled  # type: ignore[no-any-return]


def scores(rule: Callable[..., int], cache: Path) -> list[int]:
    out = np.zeros(3, np.int64)
    made = score_loop(rule, bind(rule, NoArgs), cache)
    made(np.array([1, -1, 0], np.int32), out, np.array([10, 20], np.int64))
    return out.tolist()


def written(cache: Path) -> set[str]:
    return {path.name for path in cache.glob("*.py")}


def test_a_loop_calls_the_rule_per_row_and_knows_nothing_of_unknown_nodes(tmp_path: Path) -> None:
    assert scores(a_rule(tmp_path), tmp_path) == [42, 0, 22]


@pytest.mark.parametrize(
    "change", [{"factor": 3}, {"helper": "count + 2"}], ids=["a constant", "a function that the rule calls"]
)
def test_a_change_of_what_the_rule_reads_makes_another_loop(tmp_path: Path, change: dict[str, object]) -> None:
    first = scores(a_rule(tmp_path), tmp_path)
    before = written(tmp_path)
    changed = scores(a_rule(tmp_path, **change), tmp_path)  # type: ignore[arg-type]
    assert changed != first
    assert len(written(tmp_path) - before) == 1


def test_the_same_rule_is_the_same_file_left_untouched(tmp_path: Path) -> None:
    scores(a_rule(tmp_path), tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("trimtab_loop_*.py")}
    scores(a_rule(tmp_path), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("trimtab_loop_*.py")} == stamps


def test_another_numba_or_another_cpu_makes_another_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = a_rule(tmp_path)
    here = loop._hash(rule, "text", ())
    monkeypatch.setattr("numba.__version__", "0.0.0")
    assert loop._hash(rule, "text", ()) != here
    monkeypatch.undo()
    codegen = types.SimpleNamespace(magic_tuple=lambda: ("other", "cpu", ""))
    context = types.SimpleNamespace(codegen=lambda: codegen)
    monkeypatch.setattr(loop, "cpu_target", types.SimpleNamespace(target_context=context))
    assert loop._hash(rule, "text", ()) != here


_SECOND_PROCESS = """
import sys
from pathlib import Path
from extender.framework import loop
from extender.framework.compiled import compile_all
from extender.plugins import pod_state
compile_all([pod_state.PLUGIN], Path(sys.argv[1]))
hits = [m.loop.stats.cache_hits for name, m in sys.modules.items() if name.startswith("trimtab_loop_")]
misses = [m.loop.stats.cache_misses for name, m in sys.modules.items() if name.startswith("trimtab_loop_")]
print(sum(map(len, hits)), sum(map(len, misses)))
"""


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    def run() -> tuple[int, int]:
        done = subprocess.run(
            [sys.executable, "-c", _SECOND_PROCESS, str(tmp_path)], capture_output=True, text=True, check=True
        )
        hits, misses = done.stdout.split()
        return int(hits), int(misses)

    _hits, misses = run()
    assert misses > 0
    hits, misses = run()
    assert hits > 0
    assert misses == 0


def test_a_damaged_cache_entry_is_compiled_anew(tmp_path: Path) -> None:
    rule = a_rule(tmp_path)
    assert scores(rule, tmp_path) == [42, 0, 22]
    (module,) = tmp_path.glob("trimtab_loop_*.py")
    # Beside the module, or where NUMBA_CACHE_DIR says: the command line sets it.
    entries = list(loop._compiled_files(module))
    assert entries
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
    assert scores(rule, tmp_path) == [42, 0, 22]


def test_a_damaged_module_is_written_anew(tmp_path: Path) -> None:
    rule = a_rule(tmp_path)
    scores(rule, tmp_path)
    (module,) = tmp_path.glob("trimtab_loop_*.py")
    module.write_text("raise SystemExit('tampered with')")
    assert scores(rule, tmp_path) == [42, 0, 22]


def test_a_loop_never_compiles_again_for_other_types(tmp_path: Path) -> None:
    rule = a_rule(tmp_path)
    made = score_loop(rule, bind(rule, NoArgs), tmp_path)
    with pytest.raises(TypeError):
        made(np.array([0], np.int32), np.zeros(1, np.float32), np.array([1], np.int64))


def test_a_filter_loop_skips_the_rejected_and_counts_its_own(tmp_path: Path) -> None:
    made = filter_loop(second_or_third, bind(second_or_third, NoArgs), tmp_path)
    codes = np.array([0, 4, 0, 0, 0], np.int16)
    counts = np.array([0, 1, 2, 3], np.int64)
    assert made(np.array([0, 1, 1, 2, -1], np.int32), codes, 10, 2, counts) == 2
    assert codes.tolist() == [0, 4, 11, 12, 0]


@pytest.mark.parametrize("answer", [3, -2])
def test_an_answer_that_is_no_reason_names_the_candidate(tmp_path: Path, answer: int) -> None:
    made = filter_loop(second_or_third, bind(second_or_third, NoArgs), tmp_path)
    codes = np.zeros(2, np.int16)
    assert made(np.array([0, 1], np.int32), codes, 0, 2, np.array([0, answer], np.int64)) == -1 - 1


def second_or_third(node_pod_count: int) -> int:
    return node_pod_count


def recursive(node_pod_count: int) -> int:
    return recursive(node_pod_count - 1) if node_pod_count else 0


def opens_a_file(node_pod_count: int) -> int:
    return len(open("x").read()) + node_pod_count  # noqa: PTH123


def test_a_rule_that_cannot_be_compiled_is_refused_by_name(tmp_path: Path) -> None:
    for rule in (opens_a_file, recursive):
        with pytest.raises(LoopError, match=rule.__name__):
            score_loop(rule, bind(rule, NoArgs), tmp_path)


def test_a_rule_with_a_closure_is_refused(tmp_path: Path) -> None:
    hidden = 3

    def closing(node_pod_count: int) -> int:
        return node_pod_count + hidden

    with pytest.raises(LoopError, match="without closure"):
        score_loop(closing, bind(closing, NoArgs), tmp_path)


def test_a_folder_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(KernelCacheError, match="--kernel-cache"):
        scores(a_rule(tmp_path), tmp_path / "absent")


def test_loops_that_nobody_uses_leave_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = a_rule(tmp_path)
    scores(rule, tmp_path)
    (used,) = tmp_path.glob("trimtab_loop_*.py")
    for i in range(5):
        (tmp_path / f"trimtab_loop_old{i}.py").write_text("")
    monkeypatch.setattr(loop, "LOOPS_KEPT_MAX", 3)
    assert prune(tmp_path) == 3
    assert used.exists()
    assert len(list(tmp_path.glob("trimtab_loop_*.py"))) == 3
