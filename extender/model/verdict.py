"""What a cycle says, before it is encoded for the wire."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Status codes of the scheduler framework, by their upstream names."""

    SUCCESS = "Success"
    UNSCHEDULABLE = "Unschedulable"
    UNRESOLVABLE = "UnschedulableAndUnresolvable"
    WAIT = "Wait"
    SKIP = "Skip"
    ERROR = "Error"


class Phase(StrEnum):
    """Extension points, spelled as in KubeSchedulerConfiguration."""

    QUEUE_SORT = "queueSort"
    PRE_FILTER = "preFilter"
    FILTER = "filter"
    POST_FILTER = "postFilter"
    PRE_SCORE = "preScore"
    SCORE = "score"
    RESERVE = "reserve"
    PERMIT = "permit"
    PRE_BIND = "preBind"
    BIND = "bind"
    POST_BIND = "postBind"
