"""PreemptionToleration: priority classes protect their pods from preemption for a while, or from lesser preemptors."""

from __future__ import annotations

from extender.framework import Kind, Maturity, Plugin, PostFilter
from extender.framework.preemption import BUDGET
from extender.plugins.preemption_toleration.args import PreemptionTolerationArgs, check
from extender.plugins.preemption_toleration.book import KIND, TolerationBook
from extender.plugins.preemption_toleration.cases import answers
from extender.plugins.preemption_toleration.preemption import eligible, exempt, search

PLUGIN = Plugin(
    name="PreemptionToleration",
    doc="Priority classes protect their pods from preemption, for a while or from preemptors below some priority.",
    args=PreemptionTolerationArgs,
    check=check,
    maturity=Maturity.BETA,
    post_filter=PostFilter(eligible, search, exempt=exempt),
    case_answers=answers,
    book=TolerationBook,
    watches=(
        Kind(group="scheduling.k8s.io", version="v1", plural="priorityclasses", kind=KIND, namespaced=False),
        BUDGET,
    ),
)
