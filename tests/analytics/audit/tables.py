"""Tables in the documents about rules. `python -m tests.analytics.audit.tables` writes them anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analytics.audit import Context, shipped_rules
from analytics.audit.anomalies import KINDS
from analytics.audit.context import SETS
from analytics.audit.fields import FIELDS

DOCS = Path(__file__).parents[3] / "docs" / "tools"


def rules() -> str:
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


def fields() -> str:
    lines = ["| field | type | |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {field.type} | {field.doc} |" for name, field in FIELDS.items()]
    return "\n".join(lines) + "\n"


def sets() -> str:
    lines = ["| set | holds, unless it is set |", "| --- | --- |"]
    for name in SETS:
        held = ", ".join(f"`{one}`" if one else "nothing said" for one in sorted(getattr(Context(), name)))
        lines.append(f"| `@{name}` | {held or 'nobody'} |")
    return "\n".join(lines) + "\n"


TABLES: dict[str, tuple[Path, Callable[[], str]]] = {
    "rules": (DOCS / "audit.md", rules),
    "fields": (DOCS / "audit-rules.md", fields),
    "sets": (DOCS / "audit-rules.md", sets),
}


def documented(name: str) -> str:
    """The table as it stands in its document. Raises ValueError where its marks are not there."""
    return _parts(name)[1]


def _parts(name: str) -> tuple[str, str, str]:
    path, _ = TABLES[name]
    before, begin, rest = path.read_text(encoding="utf-8").partition(f"<!-- {name}: begin -->\n")
    table, end, after = rest.partition(f"<!-- {name}: end -->\n")
    if not begin or not end:
        raise ValueError(f"{path} has no marks for {name}")
    return before + begin, table, end + after


if __name__ == "__main__":
    for told, (document, table_of) in TABLES.items():
        head, _, tail = _parts(told)
        document.write_text(f"{head}{table_of()}{tail}", encoding="utf-8")
