"""Our plugins give the recorded answers of the upstream ones, through the code of `trimtab explain --batch`."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from extender.cli.batch import FINE, answer_lines, evaluator
from extender.framework.compiled import CompiledPlugin
from extender.plugins import PLUGINS

VECTORS = Path(__file__).parent / "vectors"
Case = dict[str, Any]
Differs = Callable[[Case, dict[str, Any] | None, set[str]], str | None]

# Keys of `expect` that are compared; an empty set is all of them. The phases that are still to come are absent.
COMPARED: dict[str, set[str]] = {
    "NodeMetadata": set(),
    "NodeResourceTopologyMatch": set(),
    "NetworkOverhead": set(),
    "SySched": set(),
    "NodeResourcesAllocatable": set(),
    "LoadVariationRiskBalancing": set(),
    "LowRiskOverCommitment": set(),
    "Peaks": set(),
    "PodState": set(),
    "TargetLoadPacking": set(),
    "Coscheduling": set(),
    "CapacityScheduling": set(),
    "PreemptionToleration": set(),
    "QoS": set(),
    "TopologicalSort": set(),
}
# Files with cases of one of them that ask for something else.
FURTHER: dict[str, set[str]] = {"NodeResourceTopologyMatch-resync": set(), "PodFingerprint": set()}
FILES = COMPARED | FURTHER

# There is no upstream to record; a twin of their own holds them (test_rescheduler_twin.py, test_tenant_quota_twin.py,
# plugins/test_trimaran.py).
TWINNED = {"Rescheduler", "TenantQuota", "Trimaran"}


@pytest.fixture(scope="module")
def differs() -> Differs:
    """The rules of comparison that came with the vectors."""
    spec = importlib.util.spec_from_file_location("compare", VECTORS / "compare.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Differs = module.case_differs
    return found


# Recorded under the plugin's upstream name.
UPSTREAM_NAMES = {"QoS": "QOSSort"}


def recorded(name: str) -> list[Case]:
    with gzip.open(VECTORS / f"{UPSTREAM_NAMES.get(name, name)}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def answered(cases: Iterable[Case], built_in: dict[str, CompiledPlugin]) -> dict[str, dict[str, Any]]:
    lines, out = io.BytesIO("".join(json.dumps(case) + "\n" for case in cases).encode()), io.StringIO()
    assert answer_lines(lines, evaluator(built_in), out) == FINE
    return {told["case"]: told["answer"] for told in map(json.loads, out.getvalue().splitlines())}


def test_every_built_in_plugin_is_compared() -> None:
    assert set(COMPARED) | TWINNED == {plugin.name for plugin in PLUGINS}


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_answer_is_ours(name: str, built_in: dict[str, CompiledPlugin], differs: Differs) -> None:
    cases = recorded(name)
    answers = answered(cases, built_in)
    wrong = {case["case"]: differs(case, answers.get(case["case"]), FILES[name]) for case in cases}
    assert {case: why for case, why in wrong.items() if why} == {}
    assert len(cases) > 60


def test_defaulted_arguments_are_upstreams(built_in: dict[str, CompiledPlugin], differs: Differs) -> None:
    cases = [case for case in recorded("PluginArgs") if case["plugin"] in COMPARED]
    answers = answered(cases, built_in)
    wrong = {case["case"]: differs(case, answers[case["case"]], set()) for case in cases}
    assert {case: why for case, why in wrong.items() if why} == {}
    assert len(cases) > 10


@pytest.mark.parametrize("name", FILES)
def test_the_expected_answer_is_not_looked_at(name: str, built_in: dict[str, CompiledPlugin]) -> None:
    cases = recorded(name)[:20]
    scrambled = [{**case, "expect": dict.fromkeys(case["expect"], "nonsense")} for case in cases]
    bare = [{key: value for key, value in case.items() if key != "expect"} for case in cases]
    assert answered(cases, built_in) == answered(scrambled, built_in) == answered(bare, built_in)


def test_a_wrong_answer_would_be_seen(built_in: dict[str, CompiledPlugin], differs: Differs) -> None:
    for name, keys in COMPARED.items():
        (case, *_rest) = [c for c in recorded(name) if "argsError" not in c["expect"]]
        answer = answered([case], built_in)[case["case"]]
        key = next(key for key in ("prefilter", "score", "less", "victims") if key in case["expect"])
        assert differs(case, {**answer, key: {}}, keys)
