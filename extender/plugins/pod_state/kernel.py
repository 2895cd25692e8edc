"""Room that is coming, less room that is spoken for."""

from __future__ import annotations


def leaving_less_coming(node_terminating_count: int, node_nominated_count: int) -> int:
    return node_terminating_count - node_nominated_count
