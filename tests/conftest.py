"""Settings for every test below tests/."""

from __future__ import annotations

import os

import hypothesis

# Timing is never tested, so no example has a deadline. CI looks harder and prints how to repeat a failure.
hypothesis.settings.register_profile("dev", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=200, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")
