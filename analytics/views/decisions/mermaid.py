"""Mermaid text that no name can break.

Labels come from the cluster: pod names, reasons, plugin names of third parties, error texts. Mermaid reads its text
several times (front matter, directives, entities, grammar, markdown, HTML), so escaping by what is dangerous would
have to follow every one of these passes. Escaping goes by what is known to be harmless instead: letters, digits, marks,
spaces and a few signs stay, everything else becomes a numeric entity `#123;`, and control characters become U+FFFD.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

LABEL_LENGTH_MAX: Final = 56
_HARMLESS: Final = frozenset(" /,")
# Signs that only join: inside a word they begin no list and no emphasis. They keep `node-3.zone_b` readable.
_INNER: Final = re.compile(r"(?<=[A-Za-z0-9])[-._](?=[A-Za-z0-9])")
# Read once more after entities are decoded: backslash and n become a line break, `$$` begins a formula, `fa:fa-x` is an
# icon, `ﬂ°` and `¶ß` are how Mermaid itself marks an entity.
# An invisible joiner behind them keeps them apart from what would make them so.
_STARTERS: Final = frozenset("\\$:ﬂ¶")
_JOINER: Final = "#8288;"
_MARKS: Final = ("L", "N", "M")


def label(text: str) -> str:
    """Any text -> the inside of a quoted Mermaid label, shortened in the middle and on one line."""
    short = shorten(" ".join(text.split()), LABEL_LENGTH_MAX)
    inner = {found.start() for found in _INNER.finditer(short)}
    return "".join(sign if at in inner else _escape(sign) for at, sign in enumerate(short))


def plain(text: str) -> str:
    """Any text -> words for `accTitle` and `accDescr`, which know no escapes."""
    words = "".join(sign if (sign.isascii() and sign.isalnum()) or sign == "-" else " " for sign in text)
    return " ".join(words.split())


def shorten(text: str, length_max: int) -> str:
    """Keep both ends: names of one owner differ at the end, names of different owners at the start."""
    if len(text) <= length_max:
        return text
    head = (length_max - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (length_max - 1 - head) :]}"


def _escape(sign: str) -> str:
    category = unicodedata.category(sign)
    if category in ("Cc", "Cs", "Cn", "Co", "Cf", "Zl", "Zp"):
        # Zero-width joiners and direction marks could make one name look like another.
        return "\ufffd"
    if sign in _STARTERS:
        return f"#{ord(sign)};{_JOINER}"
    if category[0] in _MARKS or sign in _HARMLESS:
        return sign
    return f"#{ord(sign)};"


@dataclass(slots=True)
class Chart:
    """A flowchart, top down. Identifiers are numbers given here; nothing of the data becomes one."""

    title: str
    description: str
    lines: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    """Written last: an edge inside a group would draw both its ends into that group."""
    nodes: int = 0
    groups: int = 0

    def node(self, rows: Iterable[str], style: str = "step", shape: tuple[str, str] = ("[", "]")) -> str:
        """Add a node with one line of text per row; answers its identifier."""
        name = f"n{self.nodes}"
        self.nodes += 1
        text = "<br/>".join(label(row) for row in rows if row)
        self.lines.append(f'{name}{shape[0]}"{text}"{shape[1]}:::{style}')
        return name

    def open(self, title: str) -> None:
        self.lines.append(f'subgraph g{self.groups}["{label(title)}"]')
        self.groups += 1

    def close(self) -> None:
        self.lines.append("end")

    def edge(self, source: str, target: str, text: str = "", *, dotted: bool = False) -> None:
        arrow = "-.->" if dotted else "-->"
        self.edges.append(f'{source} {arrow}|"{label(text)}"| {target}' if text else f"{source} {arrow} {target}")

    def text(self) -> str:
        head = ["flowchart TD", f"accTitle: {plain(self.title) or 'Flowchart'}"]
        if plain(self.description):
            head.append(f"accDescr: {plain(self.description)}")
        return "\n".join([*head, *(f"  {line}" for line in (*self.lines, *self.edges, *_STYLES))]) + "\n"


# Mid tones with their own text colour: readable on a light and on a dark page, and in any other renderer.
_STYLES: Final = (
    "classDef step fill:#e8eef7,stroke:#5b7fb0,color:#14233a",
    "classDef quiet fill:#eef0f2,stroke:#9aa3ad,color:#3a424c",
    "classDef rejected fill:#fbe6e1,stroke:#c2523a,color:#5c1d10",
    "classDef wait fill:#fdf3dc,stroke:#b98a1f,color:#4d390a",
    "classDef best fill:#e7f3ea,stroke:#4f9465,color:#12351d",
    "classDef good fill:#2f7d4b,stroke:#1f5a35,color:#ffffff",
    "classDef bad fill:#b3402a,stroke:#7f2a1a,color:#ffffff",
    "classDef open fill:#6b7480,stroke:#4a525c,color:#ffffff",
)
