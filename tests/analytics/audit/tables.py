"""The table of the rules in docs/tools/audit.md. `python -m tests.analytics.audit.tables` writes it anew."""

from __future__ import annotations

from pathlib import Path

from analytics.audit import shipped_rules
from analytics.audit.anomalies import KINDS

DOCUMENT = Path(__file__).parents[3] / "docs" / "tools" / "audit.md"
BEGIN, END = "<!-- rules: begin -->\n", "<!-- rules: end -->\n"


def table_of_rules() -> str:
    lines = ["| rule | severity | finds | by | ATT&CK, Microsoft's matrix |", "| --- | --- | --- | --- | --- |"]
    for rule in shipped_rules():
        cases = "; ".join(
            f"{case.name} ({case.severity})" if case.severity not in (None, rule.severity) else case.name
            for case in rule.cases
        )
        techniques = ", ".join((*rule.attack, *rule.microsoft))
        lines.append(f"| {rule.id} | {rule.severity} | {rule.title} | {cases} | {techniques} |")
    for name, kind in KINDS.items():
        lines.append(f"| {name} | {kind.severity} | {kind.title} | habits | {', '.join(kind.attack)} |")
    return "\n".join(lines) + "\n"


def documented_rules() -> str:
    """Raises ValueError where the marks are not there."""
    _, table, _ = _parts()
    return table


def _parts() -> tuple[str, str, str]:
    before, begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT} has no {BEGIN.strip()} and {END.strip()}")
    return before, table, after


if __name__ == "__main__":
    head, _, tail = _parts()
    DOCUMENT.write_text(f"{head}{BEGIN}{table_of_rules()}{END}{tail}", encoding="utf-8")
