"""R-270: the rights a program really has against those it should have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from extender.cli.doctor.duties import Right, extender
from extender.cli.doctor.finding import Level
from extender.cli.doctor.rights import differences, rights_in, uncovered

BASE = Path(__file__).parents[4] / "deploy" / "base"
OURS = {"kind": "ServiceAccount", "name": "trimtab", "namespace": "trimtab-system"}
PROGRAM = extender(("trimtab-system", "trimtab"), "trimtab-policy")
SHOULD = PROGRAM.everywhere | PROGRAM.own_namespace

rights = st.frozensets(
    st.builds(
        Right, st.sampled_from(["", "apps"]), st.sampled_from(["pods", "nodes"]), st.sampled_from(["get", "list"])
    )
)


def shipped(kind: str) -> frozenset[Right]:
    """What deploy/base binds to the account of the pod, in its ClusterRoles or Roles."""
    objects = [
        each for file in ("rbac.yaml", "console-rbac.yaml") for each in yaml.safe_load_all((BASE / file).read_text())
    ]
    bound = {
        each["roleRef"]["name"] for each in objects if each["kind"] == f"{kind}Binding" and OURS in each["subjects"]
    }
    found: list[dict[str, Any]] = [
        role for role in objects if role["kind"] == kind and role["metadata"]["name"] in bound
    ]
    return rights_in({"status": {"resourceRules": [rule for role in found for rule in role["rules"]]}})


def test_r270_the_table_is_what_deploy_gives() -> None:
    assert PROGRAM.everywhere == shipped("ClusterRole")
    assert PROGRAM.own_namespace == shipped("Role")


def test_r270_no_difference_is_one_ok() -> None:
    assert [line.level for line in differences(PROGRAM, PROGRAM.everywhere, SHOULD)] == [Level.OK]


def test_r270_a_missing_right_and_one_too_many_are_named() -> None:
    binding = Right("", "pods/binding", "create")
    secrets = Right("", "secrets", "list")

    found = list(differences(PROGRAM, PROGRAM.everywhere - {binding} | {secrets}, SHOULD - {binding} | {secrets}))

    assert [(line.level, line.message) for line in found] == [
        (Level.FAIL, "extender may not: create pods/binding"),
        (Level.WARN, "extender may more than it should: list secrets"),
    ]


def test_r270_a_right_everywhere_covers_it_in_one_namespace_by_name() -> None:
    wide = frozenset({Right("*", "*", "*")})

    assert uncovered(SHOULD, wide) == frozenset()
    assert uncovered(wide, SHOULD) == wide
    assert uncovered({Right("", "configmaps", "get", "a")}, frozenset({Right("", "configmaps", "get")})) == frozenset()
    assert uncovered({Right("", "configmaps", "get")}, frozenset({Right("", "configmaps", "get", "a")})) != frozenset()


@given(rights, rights)
def test_without_wildcards_covering_is_set_difference(wanted: frozenset[Right], given_: frozenset[Right]) -> None:
    assert uncovered(wanted, given_) == wanted - given_
