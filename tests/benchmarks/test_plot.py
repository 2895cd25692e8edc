"""The picture is well-formed, says every share, and stays inside its frame."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.plot import PANELS, draw

SVG = "{http://www.w3.org/2000/svg}"
MACHINE = {"at": "2026-11-22T03:17:08Z", "cpus": 2, "machine": "x86_64 <&>"}


def results(times: dict[str, float], sizes: list[int]) -> dict[str, Any]:
    rows = [
        {"mode": panel.mode, "verb": panel.verb, "names": size, "server": server, "p50_us": us * size}
        for panel in PANELS
        for size in sizes
        for server, us in times.items()
    ]
    return {"machine": MACHINE, "hot_path": {"rows": rows}}


@given(
    ours=st.floats(0.01, 50),
    go=st.floats(0.01, 50),
    sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=6, unique=True),
)
def test_it_is_well_formed_and_every_point_is_inside(ours: float, go: float, sizes: list[int]) -> None:
    picture = ET.fromstring(draw(results({"ours": ours, "go": go, "floor": 0.01}, sizes)))  # noqa: S314 - ours
    _x, _y, width, height = map(float, picture.attrib["viewBox"].split())
    points = list(picture.iter(f"{SVG}circle"))
    assert len(points) == len(PANELS) * 3 * len(sizes)
    assert all(0 < float(point.attrib["cx"]) < width and 0 < float(point.attrib["cy"]) < height for point in points)


def test_shares_of_go_are_written_and_told_in_words() -> None:
    picture = ET.fromstring(draw(results({"ours": 0.25, "go": 1.0}, [100, 500])))  # noqa: S314 - ours
    assert [text.text for text in picture.iter(f"{SVG}text")].count("0.25") == 2 * len(PANELS)
    title = picture.find(f"{SVG}title")
    assert title is not None
    assert "filter: server time, 500 names: 0.25 of the Go extender's time" in str(title.text)


def test_it_can_be_read_on_a_dark_page_and_brings_no_script() -> None:
    text = draw(results({"ours": 0.25, "go": 1.0}, [100]))
    assert "prefers-color-scheme: dark" in text
    assert "<script" not in text
    assert "x86_64 &lt;&amp;&gt;" in text
