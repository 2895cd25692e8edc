"""The figures as a picture: SVG text, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 960, 372
_TOP, _BOTTOM = 96, 52
_EDGE, _SCALE = 16, 52
"""Free space around everything, and for the scale left of each panel."""
_STYLE = """\
text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 } .panel { font-weight: 600 } .soft { fill: #59636e } .ours { fill: #b3400d }
.grid { stroke: #d1d9e0; stroke-width: 1 } .line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
.s-ours { stroke: #d9541e } .s-go { stroke: #0078a8 } .s-floor { stroke: #818b98; stroke-dasharray: 5 4 }
.d-ours { fill: #d9541e } .d-go { fill: #0078a8 } .d-floor { fill: #818b98 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .soft { fill: #9198a1 } .ours { fill: #ff9a6b } .grid { stroke: #3d444d }
  .s-ours { stroke: #ff7a45 } .s-go { stroke: #4cc2f1 } .d-ours { fill: #ff7a45 } .d-go { fill: #4cc2f1 }
}"""
_SERVERS = {"go": "Go extender", "ours": "Trimtab", "floor": "C floor, ready-made answers"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One small plot: p50 of a verb in a mode, by number of names."""

    title: str
    mode: str
    verb: str


PANELS = (
    Panel("filter: server time", "bytes", "filter"),
    Panel("prioritize: server time", "bytes", "prioritize"),
    Panel("full cycle, as kube-scheduler waits", "full", "cycle"),
)


@dataclass(frozen=True, slots=True)
class _Area:
    """Where a panel stands, and its scales: a place for each number of names, and time, logarithmic."""

    left: float
    right: float
    names: tuple[int, ...]
    low_us: float
    high_us: float

    def x(self, names: int) -> float:
        return self.left + (self.right - self.left) * (self.names.index(names) + 0.5) / len(self.names)

    def y(self, us: float) -> float:
        share = (math.log(us) - math.log(self.low_us)) / (math.log(self.high_us) - math.log(self.low_us))
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)


def draw(results: Mapping[str, Any]) -> str:
    """A whole SVG document out of the hot path's rows; its numbers are also said in words, for those who do not see."""
    rows = results["hot_path"]["rows"]
    width = (_WIDTH - 2 * _EDGE) / len(PANELS)
    names = tuple(sorted({row["names"] for row in rows if row["mode"] in ("bytes", "full")}))
    shown = [row["p50_us"] for row in rows for panel in PANELS if _is_of(row, panel)]
    low, high = 10 ** math.floor(math.log10(min(shown))), 10 ** math.ceil(math.log10(max(shown)))
    parts = [_head(results), _legend([name for name in _SERVERS if any(row["server"] == name for row in rows)])]
    for number, panel in enumerate(PANELS):
        left = _EDGE + number * width
        area = _Area(left + _SCALE, left + width - _EDGE / 2, names, min(2 * min(shown) / 3, low * 5), high)
        parts += [*_frame(area, panel), *_lines(area, [row for row in rows if _is_of(row, panel)])]
    return "\n".join([*parts, "</svg>", ""])


def _is_of(row: Mapping[str, Any], panel: Panel) -> bool:
    return bool(row["mode"] == panel.mode and row["verb"] == panel.verb)


def _head(results: Mapping[str, Any]) -> str:
    machine = results["machine"]
    told = f"orange numbers: share of Go's time · {machine['cpus']} cores, {machine['machine']}, {machine['at'][:10]}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">\n'
        f"<title>{escape(_words(results['hot_path']['rows']))}</title>\n<style>{_STYLE}</style>\n"
        f'<text class="title" x="16" y="28">Time of a call, p50</text>\n'
        f'<text class="soft" x="{_WIDTH - 16}" y="28" text-anchor="end">{escape(told)}</text>'
    )


def _words(rows: Sequence[Mapping[str, Any]]) -> str:
    by_panel = {panel: [row for row in rows if _is_of(row, panel)] for panel in PANELS}
    return "; ".join(
        f"{panel.title}, {row['names']} names: {share:.2f} of the Go extender's time"
        for panel, of in by_panel.items()
        for row in of
        if row["server"] == "ours" and (share := _share(row, of)) is not None
    )


def _legend(servers: Sequence[str]) -> str:
    parts, x = [], 16.0
    for name in servers:
        parts.append(
            f'<path class="line s-{name}" d="M{x:.0f} 48h26"/><text x="{x + 32:.0f}" y="52">{_SERVERS[name]}</text>'
        )
        x += 62 + 6.6 * len(_SERVERS[name])
    return "\n".join(parts)


def _frame(area: _Area, panel: Panel) -> list[str]:
    parts = [f'<text class="panel" x="{area.left:.0f}" y="{_TOP - 12}">{escape(panel.title)}</text>']
    decade = 10.0 ** math.ceil(math.log10(area.low_us))
    while decade <= area.high_us * 1.001:
        y = area.y(decade)
        parts.append(f'<path class="grid" d="M{area.left:.1f} {y:.1f}H{area.right:.1f}"/>')
        parts.append(
            f'<text class="soft" x="{area.left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{_time(decade)}</text>'
        )
        decade *= 10
    for names in area.names:
        at = f'x="{area.x(names):.1f}" y="{_HEIGHT - _BOTTOM + 18}"'
        parts.append(f'<text class="soft" {at} text-anchor="middle">{_count(names)}</text>')
    middle = (area.left + area.right) / 2
    parts.append(f'<text class="soft" x="{middle:.0f}" y="{_HEIGHT - 12}" text-anchor="middle">node names</text>')
    return parts


def _lines(area: _Area, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = []
    for name in _SERVERS:
        points = sorted((row for row in rows if row["server"] == name), key=lambda row: row["names"])
        if not points:
            continue
        places = [(area.x(row["names"]), area.y(row["p50_us"])) for row in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path class="line s-{name}" d="M{path}"/>')
        for row, (x, y) in zip(points, places, strict=True):
            parts.append(f'<circle class="d-{name}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
            if name == "ours" and (share := _share(row, rows)) is not None:
                parts.append(f'<text class="ours" x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{share:.2f}</text>')
    return parts


def _share(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Our time in Go's, in the same place."""
    go = [other["p50_us"] for other in rows if other["server"] == "go" and other["names"] == row["names"]]
    return row["p50_us"] / go[0] if go else None


def _time(us: float) -> str:
    return f"{us:.0f} µs" if us < 1000 else f"{us / 1000:.0f} ms"


def _count(names: int) -> str:
    return f"{names:,}"
