"""Who may import whom is checked, and the check can fail."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("numpy", "numba", "llvmlite")


def _lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the packages in a folder, with the contracts of its pyproject.toml."""
    code = "import sys; sys.path.insert(0, '.'); from importlinter import cli; cli.lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, "--no-cache", "--no-logo"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "PYTHONUTF8": "1"},
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The two packages and their contracts, to be broken."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    without = shutil.ignore_patterns("ui", "__pycache__")  # ui: the page, no Python
    for package in ("extender", "analytics"):
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=without)
    return tmp_path


def test_the_contracts_are_kept() -> None:
    done = _lint_imports(REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("extender/model/pod.py", "import extender.engine", "The extender is layered"),
        ("extender/record/frames.py", "import extender.policy", "The extender is layered"),
        ("analytics/store/__init__.py", "import analytics.web", "The sidecar is layered"),
        (
            "extender/plugins/pod_state/__init__.py",
            "import extender.plugins.capacity_scheduling",
            "Plugins do not know each other",
        ),
        (
            "extender/plugins/pod_state/__init__.py",
            "import extender.cluster",
            "A plugin imports the framework and nothing behind it",
        ),
        (
            "extender/plugins/pod_state/__init__.py",
            "import numba",
            "A plugin imports the framework and nothing behind it",
        ),
        ("analytics/store/__init__.py", "import extender.model", "The sidecar knows the extender by its doors only"),
        ("extender/main.py", "import analytics", "The extender does not know the sidecar"),
        ("extender/record/frames.py", "import numpy", "The doors import neither numpy nor numba"),
        ("extender/policy/document.py", "import numba", "The doors import neither numpy nor numba"),
    ],
)
def test_a_broken_contract_is_reported(copy: Path, module: str, line: str, contract: str) -> None:
    with (copy / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = _lint_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [report.strip() for report in done.stdout.splitlines() if "BROKEN" in report]
    assert any(report.startswith(contract) for report in broken), done.stdout


@pytest.mark.parametrize("parent", ["extender", "analytics"])
def test_a_room_without_a_place_is_reported(copy: Path, parent: str) -> None:
    (copy / parent / "attic").mkdir()
    (copy / parent / "attic" / "__init__.py").touch()
    done = _lint_imports(copy)
    assert done.returncode == 1
    assert f"{parent}.attic" in done.stdout


def _contract(name: str) -> dict[str, Any]:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found: dict[str, Any] = next(contract for contract in contracts if contract["id"] == name)
    return found


def _doors() -> list[str]:
    """Rooms of the extender that the sidecar may import, as far as they exist."""
    allowed = {
        line.partition("-> extender.")[2].removesuffix(".**") for line in _contract("analytics-doors")["ignore_imports"]
    }
    return sorted(
        door
        for door in allowed
        if (path := REPOSITORY / "extender" / door.replace(".", "/")).is_dir() or path.with_suffix(".py").exists()
    )


def test_every_door_is_held_light_by_a_contract() -> None:
    assert {f"extender.{door}" for door in _doors()} == set(_contract("doors-light")["source_modules"])


@pytest.mark.parametrize("door", _doors())
def test_a_door_loads_neither_numpy_nor_numba(door: str) -> None:
    code = f"import sys, extender.{door}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_sidecar_loads_nothing_of_the_extender_but_the_doors() -> None:
    code = "import sys, analytics.main; print('\\n'.join(name for name in sys.modules if name.startswith('extender.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("extender.") for name in done.stdout.split()}
    doors = (*_doors(), "telemetry", "model.kept", "model.templates")  # the last three are what the doors use
    inside = {name for name in loaded if any(f"{name}.".startswith(f"{door}.") for door in doors)}
    assert loaded - inside <= {"model"}


def test_no_page_imports_from_the_folder_of_another_view() -> None:
    """A view is removed with its folder. What two pages share stands in the shell."""
    views = REPOSITORY / "analytics" / "views"
    imported = [
        f"{path.relative_to(views)}: {name}"
        for path in sorted((*views.rglob("*.ts"), *views.rglob("*.tsx")))
        for name in re.findall(r"""(?:from|import\(|import) ?["']([^"']+)["']""", path.read_text("utf-8"))
        if re.match(r"@views/|\.\./(?!\.\./)", name)
    ]
    assert imported == []
