"""The house is as its signs and papers say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from extender.telemetry import metrics

REPOSITORY = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for package in ("extender", "analytics")
    for path in (REPOSITORY / package).rglob("*.py")
    if "node_modules" not in path.parts
)
ROOMS = sorted(path.parent for path in SOURCES if path.name == "__init__.py")
PAPERS = ("README.md", "ARCHITECTURE.md")


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(REPOSITORY).as_posix())
def test_every_room_has_a_sign(room: Path) -> None:
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text())), "say what lives here, and what never does"


def _names(source: str) -> set[str]:
    """Names of prometheus_client's metric classes that a module calls."""
    kinds = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "prometheus_client"
        for alias in node.names
    } & kinds
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    attributes = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "prometheus_client"
    } & kinds
    return imported & called | attributes


def test_metrics_are_made_where_they_are_looked_for() -> None:
    makers = {path.relative_to(REPOSITORY).as_posix() for path in SOURCES if _names(path.read_text())}
    assert {path for path in makers if path.startswith("extender/")} == {"extender/telemetry/metrics.py"}
    assert all(path.endswith("/metrics.py") for path in makers)


def test_every_metric_is_ours_by_name_and_has_a_meaning() -> None:
    families = list(metrics.REGISTRY.collect())
    assert families
    for family in families:
        assert family.name.startswith("trimtab_"), family.name
        assert family.documentation.endswith("."), family.name


def _named(paper: str) -> set[str]:
    """Files and folders of this repository that a paper names between back-ticks."""
    words = re.findall(r"`([a-z][\w./-]*)`", (REPOSITORY / paper).read_text())
    top = {path.name for path in REPOSITORY.iterdir()}
    return {word.rstrip("/") for word in words if "/" in word and word.split("/")[0] in top}


@pytest.mark.parametrize("paper", PAPERS)
def test_a_paper_names_only_what_exists(paper: str) -> None:
    named = _named(paper)
    assert named, "it names nothing of the tree"
    built = {"analytics/ui/dist", "benchmarks/results/latest.json", ".venv/bin/trimtab"}
    assert not [name for name in named - built if not (REPOSITORY / name).exists()]


def test_the_architecture_shows_every_room() -> None:
    rooms = {
        path.relative_to(REPOSITORY).as_posix()
        for package in ("extender", "analytics")
        for path in (REPOSITORY / package).iterdir()
        if path.is_dir() and any(path.glob("*.py"))
    }
    assert rooms <= _named("ARCHITECTURE.md")
