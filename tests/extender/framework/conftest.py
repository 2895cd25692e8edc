from __future__ import annotations

from pathlib import Path

import pytest

from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins import PLUGINS


@pytest.fixture(scope="package")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One kernel cache for all tests of this room: compiling is what they wait for."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="package")
def built_in(kernels: Path) -> dict[str, CompiledPlugin]:
    return compile_all(PLUGINS, kernels)
