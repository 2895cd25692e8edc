from __future__ import annotations

from pathlib import Path

import pytest

from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins import PLUGINS


@pytest.fixture(scope="package")
def built_in(kernels: Path) -> dict[str, CompiledPlugin]:
    return compile_all(PLUGINS, kernels)
