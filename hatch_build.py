"""Build hook: the pages must be in every sdist and wheel.

Built pages that are there are used as they are. When they are absent they are built with npm. With neither, the build
stops and says so.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is "editable" for a checkout in place: its pages are a matter of `make ui`."""
        del build_data
        ui = Path(self.root) / "analytics" / "ui"
        if version == "editable" or (ui / "dist" / "index.html").is_file():
            return
        npm = shutil.which("npm")
        if npm is None or not (ui / "package-lock.json").is_file():
            raise SystemExit(
                "The console's pages are not built (analytics/ui/dist is missing) and npm was not found. "
                "Install Node 20.19 or newer, or build from an sdist, which brings the pages along."
            )
        subprocess.run([npm, "ci", "--ignore-scripts"], cwd=ui, check=True)
        subprocess.run([npm, "run", "build"], cwd=ui, check=True)
