"""Rows for tests, with every column that a test does not care about filled in."""

from __future__ import annotations

from analytics.store.tables import DecisionRow, OutcomeRow, RejectionRow, VerdictRow


def call(frame, decision, verb="filter", **more):
    given = {
        "producer": "p", "id": frame, "seen_us": frame, "at_us": 1000 * frame, "decision": decision,
        "opens": verb == "filter", "attempt": 1, "verb": verb, "code": "Success", "namespace": "team-a",
        "pod": f"pod-{decision}", "uid": f"uid-{decision}", "owner": "", "scheduler": "default-scheduler",
        "profile": "default-scheduler", "priority": 0, "revision": "7", "generation": 1, "nodes_in": 10,
        "nodes_out": 4, "nodes_unknown": 0, "nominated": False, "node": "", "duration_us": 100.0, "decode_us": 1.0,
        "encode_us": 2.0, "message": "",
    }  # fmt: skip
    return DecisionRow(**(given | more))


def end(frame, decision, rank, node="", **more):
    result = {3: "bound", 2: "error", 1: "unschedulable", 0: "deleted"}[rank]
    given = {
        "producer": "p", "id": frame, "seen_us": frame, "at_us": 1000 * frame, "decision": decision,
        "uid": f"uid-{decision}", "rank": rank, "result": result, "node": node, "seen_by": "bind", "message": "",
    }  # fmt: skip
    return OutcomeRow(**(given | more))


def rejection(frame, decision, plugin, reason, nodes, mode="enforce"):
    return RejectionRow("p", frame, 1000 * frame, decision, plugin, "filter", mode, reason, nodes)


def verdict(frame, decision, plugin, **more):
    given = {
        "producer": "p", "id": frame, "at_us": 1000 * frame, "decision": decision, "plugin": plugin,
        "phase": "filter", "code": "Success", "mode": "enforce", "nodes_in": 10, "rejected": 0, "duration_us": 5.0,
        "message": "",
    }  # fmt: skip
    return VerdictRow(**(given | more))
