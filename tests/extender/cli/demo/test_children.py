"""Child processes: a dead one is reported with its log, and none outlives the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from extender.cli.demo.children import ChildEnded, Children


def eventually(condition: object, limit_s: float = 20.0) -> None:
    assert callable(condition)
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_child_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    children = Children(tmp_path)
    children.start("sidecar", "json.tool", "/no/such/file")
    with pytest.raises(ChildEnded, match=r"(?s)the sidecar ended with exit code.*No such file"):
        eventually(children.check)
    children.stop()


def test_stopping_ends_every_child(tmp_path: Path) -> None:
    children = Children(tmp_path)
    for name in ("one", "two"):
        children.start(name, "http.server", "0", "--bind", "127.0.0.1")
    pids = [child.process.pid for child in children._children]
    children.stop()
    assert not any(is_running(pid) for pid in pids)


def test_children_die_with_the_demo_even_when_it_is_killed(tmp_path: Path) -> None:
    story = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from extender.cli.demo.children import Children
        children = Children(Path({str(tmp_path)!r}))
        children.start("one", "http.server", "0", "--bind", "127.0.0.1")
        print(children._children[0].process.pid, flush=True)
        time.sleep(60)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", story], stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not is_running(pid))
