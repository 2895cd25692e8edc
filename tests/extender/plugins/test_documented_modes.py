"""The example of docs/modes.md is a policy, for the plugins that there are."""

from __future__ import annotations

import re
from pathlib import Path

from extender.framework.info import catalogue_of
from extender.plugins import PLUGINS
from extender.policy import parse

PAGE = Path(__file__).parents[3] / "docs" / "modes.md"


def test_the_example_of_the_page_takes_effect_as_it_stands() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    policy = parse(example, catalogue_of(PLUGINS))
    by_name = {plugin.name: plugin for plugin in policy.profiles[0].plugins}
    assert (by_name["CapacityScheduling"].on_failure, by_name["CapacityScheduling"].deadline_ms) == ("closed", 20)
    assert by_name["NetworkOverhead"].canary is not None
    assert not policy.warnings
