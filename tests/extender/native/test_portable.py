"""What a function's hash follows, and what it does not."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extender.native.portable import Unfit, portable

MODULE = '''
"""A module."""
import math
import numpy as np

FACTOR = {factor}
TABLE = np.array({table})
KINDS = frozenset({{"a", "b", "c", "d"}})


def rule(x: int) -> int:
    {comment}
    return {call}(x) * FACTOR + int(math.sqrt(x)) + TABLE[0] + {constant}


def helper(count: int{default}) -> int:
    return {helper}


def unrelated() -> int:
    return {unrelated}
'''
USUAL = {
    "factor": "2",
    "table": "[1, 2]",
    "comment": "# nothing",
    "call": "helper",
    "constant": "1",
    "default": "",
    "helper": "count + 1",
    "unrelated": "1",
}


def a_rule(**changed: str) -> Any:
    module = types.ModuleType("under_test")
    exec(MODULE.format(**USUAL | changed), module.__dict__)  # noqa: S102
    return module.__dict__["rule"]


@pytest.mark.parametrize(
    "changed",
    [
        {"factor": "3"},
        {"factor": "2.0"},
        {"factor": "True"},
        {"table": "[1, 3]"},
        {"table": "[1.0, 2.0]"},
        {"constant": "2"},
        {"constant": "1.0"},
        {"call": "abs"},
        {"helper": "count + 2"},
        {"default": ", more: int = 1"},
    ],
    ids=str,
)
def test_a_change_of_anything_that_the_function_reads_is_another_function(changed: dict[str, str]) -> None:
    assert portable(a_rule(**changed)).digest != portable(a_rule()).digest


@pytest.mark.parametrize("changed", [{"comment": "# something else\n"}, {"unrelated": "2"}], ids=str)
def test_what_it_does_not_read_changes_nothing(changed: dict[str, str]) -> None:
    assert portable(a_rule(**changed)).digest == portable(a_rule()).digest


def test_every_process_tells_the_same_hash(tmp_path: Path) -> None:
    """Whatever its order of sets and its counts of references are."""
    (tmp_path / "kernel.py").write_text(
        'KINDS = frozenset({"a", "b", "c"})\n\ndef rule(x):\n    y = 1000000007\n'
        '    return y if x in {"d", "e", "f"} or x in KINDS else -y\n'
    )
    code = "import kernel; from extender.native.portable import portable; print(portable(kernel.rule).digest)"
    told = set()
    for seed in "123":
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{tmp_path}:{':'.join(filter(None, sys.path))}"},
        )
        told.add(done.stdout)
    assert len(told) == 1


def recursive(x: int) -> int:
    return recursive(x)


@pytest.mark.parametrize(("function", "told"), [(recursive, "calls itself"), (len, "plain"), (np.sin, "plain")])
def test_what_is_no_plain_function_is_unfit(function: Any, told: str) -> None:
    with pytest.raises(Unfit, match=told):
        portable(function)
