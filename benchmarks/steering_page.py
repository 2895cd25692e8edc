"""The console's policy page in a browser: what is loaded before it is there, and how soon it can be used."""

from __future__ import annotations

import gzip
import re
import statistics
import time
from pathlib import Path
from typing import Any

from analytics.web.assets import BUILT
from benchmarks.bench import Bench
from benchmarks.programs import BenchmarkFailed
from tests.browser.chromium import chromium, path_of_chromium
from tests.browser.demo import Demo

_NAMED = re.compile(r"""<(?:script|link)\b[^>]*?\b(?:src|href)=["']/?([^"']+)["']""")
_IMPORTED = re.compile(r"""(?:\bfrom|\bimport)\s*["'`]\./([^"'`]+\.js)["'`]""")
_PAGES = re.compile(r"""\bimport\(\s*["'`]\./(page-[^"'`]+\.js)["'`]\s*\)""")
"""A page that is loaded when it is opened: a chunk has its module's name, and a view's is page.tsx."""
_STYLES = re.compile(r"""["'`](assets/page-[^"'`]+\.css)["'`]""")
_OF_POLICY = "/api/v1/policy"
_PACKED = (".js", ".css", ".svg", ".json")


_OPENED = 5
"""Each time by a browser that has nothing in its cache."""
_SWITCH = "TargetLoadPacking"


def measure(bench: Bench) -> dict[str, Any]:
    """See `weight`, and `usable_s`. Empty where nothing is built; without `usable_s` where there is no Chromium."""
    if not (BUILT / "index.html").is_file():
        return {}
    path = path_of_chromium()
    if path is None:
        bench.say("no Chromium here: how soon the policy page can be used is not measured")
        return weight(BUILT)
    return weight(BUILT) | {"usable_s": _usable_s(bench, path)}


def _usable_s(bench: Bench, path: str) -> float:
    """From the address to a plugin that can be switched, on the demo; median."""
    took: list[float] = []
    with Demo(bench.folder / "page-demo") as demo, chromium(path) as browser:
        for _ in range(_OPENED):
            context = browser.new_context()
            page = context.new_page()
            begin = time.perf_counter()
            page.goto(f"{demo.url}/policy", wait_until="commit")
            page.locator("tr").filter(has_text=_SWITCH).locator("button:enabled, input:enabled").first.wait_for()
            took.append(time.perf_counter() - begin)
            context.close()
    return round(statistics.median(took), 3)


def weight(built: Path) -> dict[str, Any]:
    """`first_load_kb` (1,000 bytes), and the bytes of each file: index.html, what it names and imports, and the page,
    packed as the sidecar sends it.

    Raises BenchmarkFailed when a file is missing.
    """
    todo, sizes = ["index.html"], dict[str, int]()
    while todo:
        name = todo.pop()
        path = built / name
        if name in sizes:
            continue
        if not path.is_file():
            raise BenchmarkFailed(f"the pages need {name}, which is not built")
        sizes[name] = _sent(path)
        todo += _needed(path, built)
    return {"files": sizes, "first_load_kb": round(sum(sizes.values()) / 1000, 1)}


def _needed(path: Path, built: Path) -> list[str]:
    """Paths below `built`."""
    if path.suffix == ".html":
        return _NAMED.findall(path.read_text())
    if path.suffix != ".js":
        return []
    text = path.read_text()
    pages = [name for name in _PAGES.findall(text) if _OF_POLICY in path.with_name(name).read_text()]
    needed = [*_IMPORTED.findall(text), *pages]
    # Which style belongs to which page stands in a table of numbers; all of them are few bytes.
    styles = _STYLES.findall(text) if pages else []
    return [*(path.with_name(name).relative_to(built).as_posix() for name in needed), *styles]


def _sent(path: Path) -> int:
    """Bytes of the answer's body to a browser that takes gzip."""
    plain, packed = path.read_bytes(), path.with_name(f"{path.name}.gz")
    if path.suffix not in _PACKED:
        return len(plain)
    return min(len(plain), packed.stat().st_size if packed.is_file() else len(gzip.compress(plain, 6, mtime=0)))
