"""SySched: pods with like system-call profiles side by side, so that each is exposed to little it does not need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from extender.framework import CaseView, Cycle, Kind, Maturity, Normalize, Plugin, Pod, Prepare, Score, pod_of
from extender.plugins.sy_sched.args import SySchedArgs
from extender.plugins.sy_sched.book import KIND, SyscallBook
from extender.plugins.sy_sched.columns import Columns
from extender.plugins.sy_sched.exposure import Exposure
from extender.plugins.sy_sched.kernel import extraneous


def exposed(cycle: Cycle) -> Mapping[str, Any]:
    exposure = _exposure(cycle.book, cycle.args)
    calls = exposure.calls_of(cycle.pod)
    columns: Columns | None = cycle.memo.get("columns")
    if columns is None or columns.exposure is not exposure:
        columns = cycle.memo["columns"] = Columns(exposure)
    columns.follow(cycle.nodes)
    # For a pod without calls the rule reads none of them.
    outside = columns.outside(calls, cycle.nodes) if calls else columns.own
    return {"asked": calls.bit_count(), "outside": outside, "pods": columns.pods, "own": columns.own}


def _exposure(book: SyscallBook, args: SySchedArgs) -> Exposure:
    default = f"{args.default_profile_namespace}/{args.default_profile_name}"
    return book.exposure(default, exact=args.exact_pods is True)


def case_answers(view: CaseView) -> Mapping[str, Any]:
    """The pod's calls by name; and the scores, with every pod of the case announced for itself, in order.

    A case may hold what no cluster does: two pods of one name, and pods that leave in the end.
    """
    if view.cycle is None:
        return {}
    book: SyscallBook = view.book
    book.forget_pods()
    for pod in _announced(view.case):
        book.pod_changed(None, pod)
    for pod in _leaving(view.case):
        book.pod_changed(pod, None)
    calls = _exposure(book, view.args).calls_of(view.cycle.pod)
    return {**view.again(), "podSyscalls": book.profiles.names_of(calls)}


def _announced(case: Mapping[str, Any]) -> Iterator[Pod]:
    for i, tree in enumerate(case.get("pods") or ()):
        yield msgspec.structs.replace(pod_of(tree), uid=f"{i}")


def _leaving(case: Mapping[str, Any]) -> Iterator[Pod]:
    for told in case.get("deletedAfterwards") or ():
        called, _, node = str(told).rpartition("@")
        namespace, _, name = called.partition("/")
        if not (namespace and name and node):
            raise ValueError(f"deletedAfterwards: want namespace/name@node, got {told!r}")
        yield Pod(namespace=namespace, name=name, uid="", node_name=node)


PLUGIN = Plugin(
    name="SySched",
    doc="Puts pods with like system-call profiles side by side.",
    args=SySchedArgs,
    maturity=Maturity.BETA,
    score=Score(
        rule=extraneous,
        normalize=Normalize.DEFAULT_REVERSE,
        prepare=Prepare(compute=exposed, scalars=("asked",), columns=("outside", "pods", "own")),
    ),
    case_answers=case_answers,
    book=SyscallBook,
    watches=(
        Kind(group="security-profiles-operator.x-k8s.io", version="v1beta1", plural="seccompprofiles", kind=KIND),
    ),
)
