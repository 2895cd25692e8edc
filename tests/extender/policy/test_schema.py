from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from extender.policy import json_schema
from extender.policy.document import WEIGHT_MAX
from tests.extender.policy.a_catalogue import A_POLICY, CATALOGUE, HEAD

SCHEMA = json_schema(CATALOGUE)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def tree(text: str) -> Any:
    return yaml.safe_load(text)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_documented_example_fits() -> None:
    VALIDATOR.validate(tree(A_POLICY))


def test_pasted_args_and_aliases_fit() -> None:
    pasted = """
profiles:
- plugins: {queueSort: {enabled: [{name: QOSSort}]}}
  pluginConfig:
  - name: TargetLoadPacking
    args: {apiVersion: kubescheduler.config.k8s.io/v1, kind: TargetLoadPackingArgs}
"""
    VALIDATOR.validate(tree(HEAD + pasted))


@pytest.mark.parametrize(
    "wrong",
    [
        "kind: SchedulingPolicy\n",
        HEAD + "profile: []\n",
        HEAD + "scoring: {scale: narrow}\n",
        HEAD + "defaults: {deadline: 20}\n",
        HEAD + "profiles: [{plugins: {scor: {}}}]\n",
        HEAD + "profiles: [{plugins: {score: {enabled: [{name: Nope}]}}}]\n",
        HEAD + "profiles: [{plugins: {score: {enabled: [{name: '*'}]}}}]\n",
        HEAD + "profiles: [{plugins: {score: {enabled: [{name: PodState, weight: 0}]}}}]\n",
        HEAD + f"profiles: [{{plugins: {{score: {{enabled: [{{name: PodState, weight: {WEIGHT_MAX + 1}}}]}}}}}}]\n",
        HEAD + "profiles: [{plugins: {score: {enabled: [{name: PodState, mode: shade}]}}}]\n",
        HEAD + "profiles: [{plugins: {score: {enabled: [{name: PodState, onFailure: shut}]}}}]\n",
        HEAD + "profiles: [{pluginConfig: [{name: TargetLoadPacking, args: {targetUtilization: 400}}]}]\n",
        HEAD + "profiles: [{pluginConfig: [{name: TargetLoadPacking, args: {metricProvider: {typ: x}}}]}]\n",
        HEAD + "profiles: [{pluginConfig: [{name: PodState, args: {a: 1}}]}]\n",
    ],
)
def test_wrong_documents_do_not_fit(wrong: str) -> None:
    assert list(VALIDATOR.iter_errors(tree(wrong)))


def test_every_plugins_args_stand_in_the_schema() -> None:
    assert {f"{name}Args" for name in CATALOGUE} <= set(SCHEMA["$defs"])
