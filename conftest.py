"""Settings for every test, in tests/ and beside the code."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# Timing is never tested, so no example has a deadline. CI looks harder and prints how to repeat a failure.
hypothesis.settings.register_profile("dev", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=200, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One kernel cache for the whole run: compiling is what tests of plugins wait for."""
    return tmp_path_factory.mktemp("kernels")
