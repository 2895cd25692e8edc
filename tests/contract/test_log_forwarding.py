"""R-222: the example for log forwarding names nothing that it does not define."""

from __future__ import annotations

from pathlib import Path

import yaml

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "cluster-log-forwarder.yaml"


def test_r222_what_a_pipeline_names_is_defined_and_kube_system_is_in_the_input() -> None:
    spec = yaml.safe_load(EXAMPLE.read_text())["spec"]
    defined = {part: {one["name"]: one for one in spec[part]} for part in ("inputs", "filters", "outputs")}
    for pipeline in spec["pipelines"]:
        assert set(pipeline["inputRefs"]) <= set(defined["inputs"])
        assert set(pipeline["filterRefs"]) <= set(defined["filters"])
        assert set(pipeline["outputRefs"]) <= set(defined["outputs"])
        assert "scheduler-filter" in pipeline["filterRefs"]
        assert all("infrastructure" in defined["inputs"][name] for name in pipeline["inputRefs"])
