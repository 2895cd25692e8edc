"""How hard a law is looked at where the machine compiles what the test states in plain Python."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

CI = bool(os.environ.get("CI"))

thorough = settings(
    deadline=None,
    max_examples=1000 if CI else 100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""For each comparison of a compiled loop with its rule, or of a plugin with its twin."""
