"""A mark for tests of what only compiled code does: refusing, wrapping, being kept on disk."""

from __future__ import annotations

import pytest

from extender.native.function import is_compiled

compiled_only = pytest.mark.skipif(not is_compiled(), reason="NUMBA_DISABLE_JIT: functions run as Python")
