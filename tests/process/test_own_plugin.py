"""R-075, R-076: a package with a plugin is installed beside Trimtab, and extender, API and command line handle it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process.a_pair import Pair, running
from tests.process.test_twelve_plugins import a_node, a_pod

MODULE = '''
from typing import Annotated

from msgspec import Meta

from extender.framework import Args, Filter, Plugin, Rejection


def below_limit(node_pod_count: int, arg_max_pods: int) -> int:
    """0 passes; 1 is the first rejection of the plugin."""
    return 0 if node_pod_count < arg_max_pods else 1


class PodLimitArgs(Args, frozen=True):
    max_pods: Annotated[int, Meta(ge=1, le=10_000, description="Most pods on one node.")] = 2


PLUGIN = Plugin(
    name="PodLimit",
    doc="Keeps pods off nodes that hold enough of them.",
    args=PodLimitArgs,
    filter=Filter(below_limit, (Rejection("node holds enough pods"),)),
)
'''
CLUSTER = [
    *[a_node("idle"), a_node("crowded")],
    *[a_pod(f"there-{i}", "crowded") for i in range(3)],
]
NODES = ["idle", "crowded"]


def install(site: Path) -> dict[str, str]:
    """What an installer writes; returns the environment in which it is found."""
    (site / "pod_limit.py").write_text(MODULE)
    about = site / "pod_limit-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pod-limit\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[trimtab.plugins]\npod_limit = pod_limit:PLUGIN\n")
    return {"PYTHONPATH": os.pathsep.join([str(site), *sys.path])}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return install(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> Iterator[Pair]:
    with running(tmp_path_factory.mktemp("own"), CLUSTER, env=env) as pair:
        yield pair


def test_r075_an_own_plugin_is_offered_switched_and_does_its_work(pair: Pair) -> None:
    pair.everything_off()
    assert "PodLimit" in pair.call("GET", "plugins")["supported_plugins"][12:]
    answer = pair.enable("PodLimit")
    assert (answer["data"]["phases"], answer["data"]["warnings"]) == (["filter"], [])
    assert pair.refusals(a_pod("p"), NODES) == {"crowded": "node holds enough pods"}
    pair.disable("PodLimit")
    assert pair.passing(a_pod("p"), NODES) == NODES


def test_r076_its_own_parameter_is_declared_checked_and_stored_without_further_code(pair: Pair) -> None:
    pair.everything_off()
    pair.enable("PodLimit")
    assert pair.configure("PodLimit", maxPods=4) == {"maxPods": 4}
    assert pair.passing(a_pod("p"), NODES) == NODES
    assert pair.configure("PodLimit", maxPods=3) == {"maxPods": 3}
    assert pair.passing(a_pod("p"), NODES) == ["idle"]
    for wrong, told in (({"maxPods": 0}, "maxPods"), ({"maxPods": "many"}, "maxPods"), ({"maxPod": 1}, "maxPod")):
        answer = pair.client.put("/api/v1/plugins/PodLimit/config", json=wrong)
        assert (answer.status_code, answer.json()["details"][0]["path"]) == (422, told)
    assert pair.call("GET", "plugins")["data"]["plugin_configs"] == {"PodLimit": {"maxPods": 3}}


def test_r076_pages_and_forms_are_told_name_type_default_and_range(pair: Pair) -> None:
    """The one source from which the policy page makes its forms."""
    (found,) = [one for one in pair.call("GET", "policy/catalogue")["data"] if one["name"] == "PodLimit"]
    told = json.dumps(found)
    for expected in ('"maxPods"', '"integer"', '"minimum": 1', '"maximum": 10000', "Most pods on one node."):
        assert expected in told
    assert found["defaults"] == {"maxPods": 2}


def test_r076_the_command_line_knows_it_too(pair: Pair, env: dict[str, str]) -> None:
    pair.everything_off()
    assert _manager(pair, env, "enable", "PodLimit", "filter").returncode == 0
    assert _manager(pair, env, "update", "PodLimit", "maxPods", "7").returncode == 0
    assert pair.call("GET", "plugins")["data"] == {
        "enabled_plugins": {"filter": ["PodLimit"]},
        "disabled_plugins": {},
        "plugin_configs": {"PodLimit": {"maxPods": 7}},
    }
    refused = _manager(pair, env, "update", "PodLimit", "maxPods", "0")
    assert refused.returncode == 1
    assert "maxPods" in refused.stderr


def _manager(pair: Pair, env: dict[str, str], *line: str) -> Any:
    return subprocess.run(
        [
            sys.executable, "-c", "from extender.cli.manager import main; main()",
            *line, "--policy-file", str(pair.policy), "--extender", pair.extender.admin,
        ],
        env=os.environ | env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
