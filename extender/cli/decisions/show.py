"""Answers of the console as tables and sheets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extender.cli.output import columns, data, table

_NODES_SHOWN = 10
_NONE = "-"


def listed(decisions: Sequence[Mapping[str, Any]], output: str, *, headers: bool) -> str:
    match output:
        case "json" | "yaml":
            return data(list(decisions), output)
        case "name":
            return "".join(f"{one['id']}\n" for one in decisions)
    wide = output == "wide"
    head = ["TIME", "NAMESPACE", "POD", "ATTEMPT", "OUTCOME", "NODE", "DURATION"]
    head += ["REVISION", "SCHEDULER", "ID", "MESSAGE"] if wide else ["ID"]
    return table(head, [_row(one, wide=wide) for one in decisions], headers=headers)


def _row(one: Mapping[str, Any], *, wide: bool) -> list[str]:
    row = [
        one["time"][:19] + "Z",
        one["pod"]["namespace"],
        one["pod"]["name"],
        str(one["attempt"]),
        one["outcome"],
        one["node"] or _NONE,
        _ms(one["duration_ms"]),
    ]
    if not wide:
        return [*row, one["id"]]
    return [*row, one["revision"] or _NONE, one["scheduler"] or _NONE, one["id"], _line(one["message"])]


def shown(story: Mapping[str, Any], output: str) -> str:
    """One decision as a sheet: facts, phases with their plugins, rejections, best nodes."""
    match output:
        case "json" | "yaml":
            return data(story, output)
        case "name":
            return f"{story['id']}\n"
    pod = story["pod"]
    facts = {
        "Decision": story["id"],
        "Pod": f"{pod['namespace']}/{pod['name']} ({pod['uid']})",
        "Owner": pod.get("owner") or _NONE,
        "Attempt": str(story["attempt"]),
        "Began": story["time"],
        "Outcome": f"{story['outcome']}{' on ' + story['node'] if story['node'] else ''}",
        "Message": _line(story["message"]),
        "Scheduler": story["scheduler"] or _NONE,
        "Revision": story["revision"] or _NONE,
        "Duration": _ms(story["duration_ms"]),
    }
    phases = [
        (
            row["phase"] if at == 0 else f"  {row['plugin']}",
            row["code"],
            str(row["nodes_in"]),
            str(row["rejected"]) if "rejected" in row else str(max(0, row["nodes_in"] - row["nodes_out"])),
            _ms(row["duration_ms"]),
        )
        for phase in story["phases"]
        for at, row in enumerate([phase, *phase.get("plugins", [])])
    ]
    parts = [
        columns([(f"{name}:", value) for name, value in facts.items()]),
        table(("PHASE", "RESULT", "NODES", "REJECTED", "DURATION"), phases, headers=True),
        _titled(
            ("REJECTED", "PLUGIN", "REASON"),
            ((str(r["nodes"]), r["plugin"], _line(r["reason"])) for r in story["rejections"]),
        ),
        _titled(
            ("NODE", "SCORE", "PARTS"),
            (
                (
                    best["node"],
                    str(best["score"]),
                    ", ".join(f"{name} {part['weighted']}" for name, part in best["parts"].items()) or _NONE,
                )
                for best in story["scores"][:_NODES_SHOWN]
            ),
        ),
    ]
    return "\n".join(part for part in parts if part)


def compared(told: Mapping[str, Any], output: str) -> str:
    match output:
        case "json" | "yaml":
            return data(told, output)
        case "name":
            return f"{told['a']['id']}\n{told['b']['id']}\n"
    a, b = told["a"], told["b"]
    heads = [("", "FIRST", "SECOND"), ("decision", a["id"], b["id"])]
    heads += [(side, f"{a['namespace']}/{a['pod']}", f"{b['namespace']}/{b['pod']}") for side in ("pod",)]
    facts = [(one["name"], _text(one["a"]), _text(one["b"])) for one in told["facts"]]
    pod = [(f"pod.{one['name']}", _text(one["a"]), _text(one["b"])) for one in told["pod"]]
    candidates = told["candidates"]
    counts = [("candidates only in", str(candidates["only_a_count"]), str(candidates["only_b_count"]))]
    times = [(f"{one['phase']} time", _ms(one["a"]), _ms(one["b"])) for one in told["durations"]]
    parts = [
        f"{told['summary']}\n",
        columns([*heads, *facts, *pod, *(counts if candidates["known"] else []), *times]),
        _titled(
            ("REJECTED", "FIRST", "SECOND", "REASON"),
            ((r["plugin"], str(r["a"]), str(r["b"]), _line(r["reason"])) for r in told["rejections"]),
        ),
        _titled(
            ("NODE", "FIRST", "SECOND", "DIFFERENCE"),
            (
                (s["node"], _text(s["a"]), _text(s["b"]), _signed(s["difference"]))
                for s in told["scores"][:_NODES_SHOWN]
            ),
        ),
    ]
    return "\n".join(part for part in parts if part)


def _titled(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    found = list(rows)
    return table(head, found, headers=True) if found else ""


def _ms(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f} ms"


def _signed(value: int | None) -> str:
    return _NONE if value is None else f"{value:+d}"


def _text(value: Any) -> str:
    return _NONE if value in (None, "") else _line(str(value))


def _line(text: str) -> str:
    """In one line, and without signs that a terminal would obey."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split()) or _NONE
