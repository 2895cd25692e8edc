"""What is committed stands alone: no machine, no registry, no addresses in locks."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LOCKS = sorted((REPOSITORY / "requirements").glob("*.lock"))
BIGGEST_FILE = 2 * 1024 * 1024


def _committed() -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def _forbidden() -> re.Pattern[str]:
    """Built from pieces, so that this file does not hold what it forbids."""
    dot = r"\."
    hosts = [
        dot.join(("py" + "pi", "org")),
        dot.join(("files", "python" + "hosted", "org")),
        dot.join(("registry", "npm" + "js", "org")),
        dot.join(("proxy", "go" + "lang", "org")),
        dot.join(("sum", "go" + "lang", "org")),
        dot.join(("deb", "deb" + "ian", "org")),
        dot.join(("crates", "i" + "o")),
        dot.join(("repo1", "ma" + "ven")),
    ]
    folders = [f"/{name}/" for name in ("wo" + "rk", "ro" + "ot")] + ["/ho" + "me/[a-z]"]
    edges = [rf"(?<![\w.-]){host}" for host in hosts] + [rf"(?<![\w.}}*-]){folder}" for folder in folders]
    return re.compile("|".join(edges))


def test_no_committed_file_names_a_registry_or_a_folder_of_a_machine() -> None:
    forbidden = _forbidden()
    found = []
    for name in _committed():
        try:
            text = (REPOSITORY / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if forbidden.search(line)
        ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("sample", ["https://" + "py" + "pi.org/simple", " /wo" + "rk/x", '"/ro' + 'ot/.cache"'])
def test_the_pattern_finds_what_it_should(sample: str) -> None:
    assert _forbidden().search(sample)


def test_no_committed_file_is_big() -> None:
    big = {name: size for name in _committed() if (size := (REPOSITORY / name).stat().st_size) > BIGGEST_FILE}
    assert not big


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_requirements_lock_pins_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    requirements = re.findall(r"^(\S+==\S+)( ;[^\\]*)? \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(requirements) == len(re.findall(r"^[a-zA-Z0-9]", text, re.MULTILINE)), "a line without version or hash"


def test_the_runtime_lock_is_part_of_the_dev_lock() -> None:
    runtime, dev = (
        set(re.findall(r"^\S+==\S+", (REPOSITORY / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("runtime.lock", "dev.lock")
    )
    assert runtime <= dev


def test_the_page_lock_has_integrity_and_no_addresses() -> None:
    lock = json.loads((REPOSITORY / "analytics" / "ui" / "package-lock.json").read_text())
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert packages
    assert not [path for path, entry in packages.items() if "resolved" in entry]
    assert not [path for path, entry in packages.items() if "integrity" not in entry and not entry.get("inBundle")]
