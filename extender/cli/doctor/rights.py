"""The rights that each program really has against those it should have.

What it has is what the API server says when asked in its place (impersonation, SelfSubjectRulesReview), less what
every ServiceAccount may. Where that is not allowed, each right that it should have is asked for by
SubjectAccessReview, and rights beyond them stay unseen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from extender.cli.doctor.duties import POLICY_SERVICE, TOOLS, Program, Right, extender
from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.scene import Scene
from extender.kube import ActingAs, KubeApi, KubeError

SAY = Findings("rights")
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
_CREATED = 201
_SHOWN = 8
_EVERYWHERE = "default"
"""A namespace that no Role of ours is in: what is allowed there is allowed everywhere."""


class _NotAllowed(Exception):
    pass


async def rights(scene: Scene) -> list[Finding]:
    if scene.api is None:
        return [SAY.skip("no API server to ask for rights", "see the lines of api")]
    found: list[Finding] = []
    for program in (extender(scene.where.account, scene.where.target.configmap), POLICY_SERVICE, TOOLS):
        namespace, name = program.account
        if await scene.object(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}") is not None:
            found += await _examined(scene, program)
        elif program.name == "extender":
            found.append(
                SAY.skip(f"there is no ServiceAccount {namespace}/{name}", "name the extender's with --service-account")
            )
    return found


async def _examined(scene: Scene, program: Program) -> list[Finding]:
    try:
        return list(await _compared(scene, program))
    except _NotAllowed as why:
        return [
            SAY.skip(
                f"which rights {program.name} has too many cannot be seen: {why}", "run doctor as an administrator"
            ),
            *await _asked(scene, program),
        ]


async def _compared(scene: Scene, program: Program) -> Iterable[Finding]:
    namespace, name = program.account
    account = ActingAs(
        f"system:serviceaccount:{namespace}:{name}",
        ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"),
    )
    nobody = ActingAs("system:serviceaccount:default:trimtab-doctor-nobody", account.groups)
    common = await _rules(scene, nobody, namespace)
    everywhere = await _rules(scene, account, _EVERYWHERE) - common
    own = await _rules(scene, account, namespace) - common
    return differences(program, everywhere, own)


def differences(program: Program, everywhere: frozenset[Right], own: frozenset[Right]) -> Iterable[Finding]:
    """`own`: what it may do in its own namespace, what it may do everywhere included."""
    should = program.everywhere | program.own_namespace
    missing = uncovered(program.everywhere, everywhere) | uncovered(program.own_namespace, own)
    extra = uncovered(everywhere, program.everywhere) | uncovered(own, should)
    if missing:
        yield SAY.fail(f"{program.name} may not: {_told(missing)}", "kubectl apply -k deploy/base grants it")
    if extra:
        yield SAY.warn(f"{program.name} may more than it should: {_told(extra)}", "take it from its roles")
    if not missing and not extra:
        yield SAY.ok(f"{program.name} has the {len(should)} rights that it should have, and no other")


def uncovered(wanted: Iterable[Right], given: frozenset[Right]) -> frozenset[Right]:
    """Those of `wanted` that nothing in `given` includes."""
    return frozenset(right for right in wanted if not given & set(_covering(right)))


def _covering(right: Right) -> Iterable[Right]:
    """The right itself, and every wider one."""
    for group in (right.group, "*"):
        for resource in (right.resource, "*"):
            for verb in (right.verb, "*"):
                for name in (right.name, ""):
                    yield Right(group, resource, verb, name)


def rights_in(review: Mapping[str, Any]) -> frozenset[Right]:
    """Of a SelfSubjectRulesReview."""
    return frozenset(
        Right(group, resource, verb, name)
        for rule in review["status"].get("resourceRules") or ()
        for group in rule.get("apiGroups") or ("",)
        for resource in rule.get("resources") or ()
        for verb in rule["verbs"]
        for name in rule.get("resourceNames") or ("",)
    )


async def _rules(scene: Scene, who: ActingAs, namespace: str) -> frozenset[Right]:
    """Raises _NotAllowed, KubeError."""
    api = await replace(scene.where.target, acting_as=who).connect()
    try:
        answer = await _posted(api, "selfsubjectrulesreviews", {"namespace": namespace})
    finally:
        await api.close()
    return rights_in(answer)


async def _asked(scene: Scene, program: Program) -> list[Finding]:
    """One question per right that it should have."""
    assert scene.api is not None  # noqa: S101 - asked only where there is one
    namespace, name = program.account
    wanted = [("", right) for right in program.everywhere] + [(namespace, right) for right in program.own_namespace]
    missing = set()
    for where, right in wanted:
        resource, _, sub = right.resource.partition("/")
        spec = {
            "user": f"system:serviceaccount:{namespace}:{name}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
            "resourceAttributes": {
                "namespace": where,
                "verb": right.verb,
                "group": right.group,
                "resource": resource,
                "subresource": sub,
                "name": right.name,
            },
        }
        try:
            answer = await _posted(scene.api, "subjectaccessreviews", spec)
        except _NotAllowed as why:
            return [SAY.skip(f"what {program.name} may do cannot be asked: {why}", "run doctor as an administrator")]
        if not answer["status"].get("allowed"):
            missing.add(right)
    if missing:
        return [SAY.fail(f"{program.name} may not: {_told(missing)}", "kubectl apply -k deploy/base grants it")]
    return [SAY.ok(f"{program.name} has the {len(wanted)} rights that it should have")]


async def _posted(api: KubeApi, plural: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    answer = await api.request("POST", f"{AUTHORIZATION}/{plural}", body=json.dumps({"spec": spec}).encode())
    if answer.status in (401, 403):
        raise _NotAllowed(answer.message)
    if answer.status != _CREATED:
        raise KubeError(f"POST {plural}: HTTP {answer.status} {answer.message}", status=answer.status)
    told: Mapping[str, Any] = json.loads(answer.body)
    return told


def _told(rights_: Iterable[Right]) -> str:
    names = sorted(map(str, rights_))
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
