"""`trimtab explain --batch`: JSON lines in, JSON lines out, in order, in one process.

A line that cannot be evaluated is answered with {"case", "error": {"path", "message"}} and the batch goes on.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

import msgspec

from extender.cli.installed import installed_plugins
from extender.native.folders import Folders
from extender.native.function import NotLoaded
from extender.policy import PolicyRefused

if TYPE_CHECKING:
    from extender.framework.compiled import CompiledPlugin

FINE, FINDINGS, UNREACHABLE = 0, 1, 3

_GZIP = b"\x1f\x8b"
_STDIN = "-"

Evaluate = Callable[[Mapping[str, Any]], dict[str, Any]]


def run_batch(in_path: str | Path, out: TextIO, folders: Folders) -> int:
    """Answer every line of a file (`-`: stdin; gzip is recognised) on `out`. `folders`: of compiled kernels.

    Returns the exit code: 0, 1 if a line could not be evaluated, 3 if none could be (the reason is on stderr).
    """
    with ExitStack() as closing:
        try:
            lines = closing.enter_context(_opened(in_path))
            installed = installed_plugins(folders)
        except NotLoaded as wrong:
            print(f"trimtab explain: {wrong}", file=sys.stderr)
            return UNREACHABLE
        except OSError as wrong:
            print(f"trimtab explain: cannot read {in_path}: {wrong.strerror or wrong}", file=sys.stderr)
            return UNREACHABLE
        return answer_lines(lines, evaluator(installed), out)


def answer_lines(lines: IO[bytes], evaluate: Evaluate, out: TextIO) -> int:
    """One answer per line that is not blank; the exit code."""
    code = FINE
    for number, line in _numbered(lines):
        answer = _answer(number, line, evaluate)
        if "error" in answer:
            code = FINDINGS
        out.write(msgspec.json.encode(answer).decode() + "\n")
    out.flush()
    return code


def evaluator(installed: Mapping[str, CompiledPlugin]) -> Evaluate:
    """What evaluates one case, by plugin or by policy."""
    from extender.engine.vectors import answer_plugin_case
    from extender.engine.workbench import explain_case

    def evaluate(case: Mapping[str, Any]) -> dict[str, Any]:
        if case.get("policy") is None:
            return answer_plugin_case(case, installed)
        return explain_case(case, installed)

    return evaluate


def _answer(number: int, line: bytes | Exception, evaluate: Evaluate) -> dict[str, Any]:
    name: Any = None
    if isinstance(line, Exception):
        return _error(None, "", f"line {number}: the input breaks off: {line}")
    try:
        case = msgspec.json.decode(line)
        if not isinstance(case, dict):
            return _error(None, "", f"line {number}: want an object, got {type(case).__name__}")
        name = case.get("case")
        case.pop("expect", None)
        return {"case": name, "answer": evaluate(case)}
    except msgspec.DecodeError as wrong:
        return _error(name, "", f"line {number}: {wrong}")
    except PolicyRefused as refused:
        return _error(name, "policy", str(refused))
    except Exception as wrong:  # noqa: BLE001 - whatever one line does, the next ones are answered
        path, message = getattr(wrong, "path", None), getattr(wrong, "message", str(wrong))
        return _error(name, path or "", message if path is not None else f"{type(wrong).__name__}: {message}")


def _error(case: Any, path: str, message: str) -> dict[str, Any]:
    return {"case": case, "error": {"path": path, "message": message}}


def _numbered(lines: IO[bytes]) -> Iterator[tuple[int, bytes | Exception]]:
    """(number, line), blank ones left out; a broken stream ends with its exception in place of a line."""
    number = 0
    while True:
        number += 1
        try:
            line = lines.readline()
        except (EOFError, OSError, zlib.error) as wrong:
            yield number, wrong
            return
        if not line:
            return
        if line.strip():
            yield number, line


@contextmanager
def _opened(in_path: str | Path) -> Iterator[IO[bytes]]:
    with ExitStack() as closing:
        raw: Any = sys.stdin.buffer  # typeshed hides that it can peek
        if str(in_path) != _STDIN:
            raw = closing.enter_context(Path(in_path).open("rb"))
        is_gzip = raw.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
        if is_gzip:
            raw = closing.enter_context(gzip.open(raw))
        yield raw
