"""`trimtab explain --batch`: JSON lines in, JSON lines out, in order, in one process.

A line that cannot be evaluated is answered with {"case", "error": {"path", "message"}} and the batch goes on.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TextIO

import msgspec

FINE, FINDINGS, UNREACHABLE = 0, 1, 3

_GZIP = b"\x1f\x8b"
_STDIN = "-"

Evaluate = Callable[[Mapping[str, Any]], dict[str, Any]]


def run_batch(in_path: str | Path, out: TextIO) -> int:
    """Answer every line of a file (`-`: stdin; gzip is recognised) on `out`.

    Returns the exit code: 0, 1 if a line could not be evaluated, 3 if nothing could be (the reason is on stderr).
    """
    from extender.framework.loop import KernelCacheError

    try:
        with _opened(in_path) as lines:
            return answer_lines(lines, evaluator(), out)
    except KernelCacheError as wrong:
        print(f"trimtab explain: {wrong}", file=sys.stderr)
    except OSError as wrong:
        print(f"trimtab explain: cannot read {in_path}: {wrong.strerror or wrong}", file=sys.stderr)
    return UNREACHABLE


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


def evaluator() -> Evaluate:
    """Compile the installed plugins and return what evaluates one case with them. Raises KernelCacheError."""
    cache_dir = _kernel_cache()
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_dir / "numba"))  # before numba is imported
    from extender.engine.vectors import answer_plugin_case
    from extender.framework.compiled import compile_all
    from extender.plugins.installed import installed_plugins

    found = installed_plugins()
    refused = dict(found.refused)
    compiled = compile_all(found.plugins, cache_dir, refused)
    for name, why in refused.items():
        print(f"trimtab explain: plugin {name} is left out: {why}", file=sys.stderr)

    def evaluate(case: Mapping[str, Any]) -> dict[str, Any]:
        if case.get("policy") is None:
            return answer_plugin_case(case, compiled)
        from extender.engine.explain import explain_policy_case

        return explain_policy_case(case)

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
    except Exception as wrong:  # noqa: BLE001 - whatever one line does, the next ones are answered
        path = getattr(wrong, "path", "")
        message = getattr(wrong, "message", "") or f"{type(wrong).__name__}: {wrong}"
        return _error(name, path, message)


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


def _opened(in_path: str | Path) -> IO[bytes]:
    raw = sys.stdin.buffer if str(in_path) == _STDIN else Path(in_path).open("rb")  # noqa: SIM115 - closed by run_batch
    is_gzip = raw.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
    return gzip.open(raw) if is_gzip else raw


def _kernel_cache() -> Path:
    told = os.environ.get("TRIMTAB_KERNEL_CACHE") or os.environ.get("TRIMTAB_EXTENDER_KERNEL_CACHE")
    if told:
        return Path(told)
    from extender.cli.extender import default_kernel_cache

    return default_kernel_cache()
