from __future__ import annotations

import pytest

from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins import PLUGINS


@pytest.fixture(scope="package")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CompiledPlugin]:
    return compile_all(PLUGINS, tmp_path_factory.mktemp("kernels"))
