"""Flowcharts: their shape, their limits, and that no text of the cluster can break out of a label."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.views.decisions.flowchart import NODES_MAX, draw, draw_flow
from analytics.views.decisions.mermaid import LABEL_LENGTH_MAX, label, plain
from analytics.views.decisions.story import (
    BestNode,
    EvictionStory,
    PhaseStory,
    PluginStory,
    PodName,
    PodStory,
    Rejection,
    ScorePart,
    Story,
)

# What a line may be once every quoted label is taken out. Nothing of the data appears here.
_LINE = re.compile(
    r"flowchart TD|accTitle: [A-Za-z0-9 -]+|accDescr: [A-Za-z0-9 -]+|end|"
    r"n\d+(\[Q\]|\(\[Q\]\)):::(step|quiet|rejected|wait|best|good|bad|open)|subgraph g\d+\[Q\]|"
    r"n\d+ (-->|-\.->)(\|Q\|)? n\d+|classDef [a-z]+ fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}"
)
_QUOTED = re.compile(r'"([^"]*)"')
_HARMLESS = re.compile(r"(?:#\d+;|<br/>|[^\"#;<>\[\](){}|`&%:\\\x00-\x1f])*")

texts = st.text(max_size=80) | st.sampled_from(
    [
        '"]; click n0 call alert(1)',
        "<script>alert(1)</script>",
        "`x`",
        "end",
        "%%{init: {}}%%",
        "a\nb\r\nc",
        "style x:y#1;",
    ]
)
counts = st.integers(0, 10**6)
plugins = st.builds(
    PluginStory,
    plugin=texts,
    phase=texts,
    code=texts | st.just("Success"),
    mode=st.sampled_from(["enforce", "shadow"]),
    nodes_in=counts,
    rejected=counts,
    reasons=st.dictionaries(texts, counts, max_size=9),
    message=texts,
)
phases = st.builds(
    PhaseStory,
    phase=st.sampled_from(["filter", "score", "preempt", "permit", "bind"]) | texts,
    time=st.just("2026-01-02T03:04:05Z"),
    duration_ms=st.floats(0, 1e6),
    nodes_in=counts,
    nodes_out=counts,
    nodes_unknown=counts,
    nominated=st.booleans(),
    code=texts,
    node=texts,
    message=texts,
    waits=st.booleans(),
    plugins=st.lists(plugins, max_size=20),
    proposed=st.dictionaries(
        texts, st.lists(st.builds(PodName, namespace=texts, name=texts, uid=texts), max_size=6), max_size=20
    ),
)
evictions = st.builds(
    EvictionStory,
    time=st.just("2026-01-02T03:04:05Z"),
    plugin=texts,
    why=texts,
    reason=texts,
    pod=st.builds(PodStory, namespace=texts, name=texts, uid=texts),
    node=texts,
    result=texts | st.just("evicted"),
    message=texts,
)
scores = st.builds(
    BestNode,
    node=texts,
    score=st.integers(-(10**9), 10**9),
    parts=st.dictionaries(
        texts,
        st.builds(ScorePart, raw=counts, normalized=counts, weighted=counts, weight=st.none() | counts),
        max_size=4,
    ),
)
stories = st.builds(
    Story,
    id=texts,
    time=st.just("2026-01-02T03:04:05Z"),
    pod=st.builds(PodStory, namespace=texts, name=texts, uid=texts),
    scheduler=texts,
    profile=texts,
    attempt=counts,
    outcome=st.sampled_from(["scheduled", "unschedulable", "error", "unknown"]),
    node=texts,
    message=texts,
    revision=texts,
    generation=counts,
    duration_ms=st.just(1.0),
    ended=st.none(),
    seen_by=texts,
    phases=st.lists(phases, max_size=9),
    rejections=st.lists(
        st.builds(Rejection, plugin=texts, phase=texts, mode=texts, reason=texts, nodes=counts), max_size=3
    ),
    scores=st.lists(scores, max_size=9),
    victims=st.lists(evictions, max_size=30),
)


def assert_well_formed(text: str) -> None:
    for line in text.rstrip("\n").split("\n"):
        for inside in _QUOTED.findall(line):
            assert _HARMLESS.fullmatch(inside), inside
        bare = _QUOTED.sub("Q", line.strip())
        assert _LINE.fullmatch(bare), line
    assert text.count("subgraph ") == len(re.findall(r"^\s*end$", text, re.MULTILINE))


def a_story(**changes: object) -> Story:
    reject = PluginStory(
        "NodeFit", "filter", "Success", nodes_in=10, rejected=4, reasons={"too small": 3, "tainted": 1}
    )
    values: dict[str, object] = {
        "id": "d1",
        "time": "2026-01-02T03:04:05Z",
        "pod": PodStory("team-a", "web-0", "u1"),
        "scheduler": "default-scheduler",
        "profile": "default-scheduler",
        "attempt": 2,
        "outcome": "scheduled",
        "node": "node-3",
        "message": "",
        "revision": "7",
        "generation": 12,
        "duration_ms": 1.0,
        "ended": None,
        "seen_by": "bind",
        "phases": [
            PhaseStory("filter", "2026-01-02T03:04:05Z", 0.4, 10, 6, verb="filter", plugins=[reject]),
            PhaseStory("score", "2026-01-02T03:04:05Z", 0.3, 6, 6, plugins=[PluginStory("Packing", "score")]),
            PhaseStory("bind", "2026-01-02T03:04:05Z", 8.0, 1, 1, node="node-3"),
        ],
        "rejections": [],
        "scores": [BestNode("node-3", 174, {"Packing": ScorePart(40, 87, 174, 2)})],
    }
    return Story(**(values | changes))  # type: ignore[arg-type]


def test_a_decision_shows_pod_counts_reasons_weight_best_node_and_end() -> None:
    text = draw(a_story())
    assert text.startswith("flowchart TD\n")
    assert_well_formed(text)
    for words in ("Pod team-a/web-0", "attempt 2", "3 nodes<br/>too small", "6 of 10 nodes passed", "weight 2"):
        assert words in text
    assert "score 174" in text
    assert "Scheduled on node-3" in text


def test_an_unschedulable_decision_ends_in_its_reason() -> None:
    text = draw(a_story(outcome="unschedulable", node="", message="no room", phases=[], scores=[]))
    assert "Unschedulable<br/>no room" in text


def held(**changes: object) -> PhaseStory:
    gang = PluginStory("Coscheduling", "permit", "Wait", message="3 of 8 of its gang have a place")
    values = {"duration_ms": 0.0, "nodes_in": 1, "nodes_out": 1, "code": "Wait", "node": "node-3", "plugins": [gang]}
    return PhaseStory("permit", "2026-01-02T03:04:05Z", **(values | changes))  # type: ignore[arg-type]


def test_a_wait_shows_for_whom_where_and_how_long() -> None:
    text = draw(a_story(phases=[held(duration_ms=2500.0)]))
    assert_well_formed(text)
    for words in ("permit", "3 of 8 of its gang have a place", "waited 2500.00 ms", "keeps its place on node-3"):
        assert words in text


def test_a_wait_that_goes_on_is_the_end_so_far() -> None:
    text = draw(a_story(outcome="unknown", node="", phases=[held(waits=True)]))
    assert "waits still" in text
    assert "Waiting for others" in text
    assert "End not seen" not in text


def test_victims_are_drawn_once_each_with_how_it_ended() -> None:
    def victim(name: str, result: str, message: str = "") -> EvictionStory:
        pod = PodStory("team-b", name, f"uid-{name}")
        return EvictionStory("t", "CapacityScheduling", "preemption", "takes back", pod, "node-1", result, message)

    told = [victim("a", "refused", "the budget b allows none"), victim("b", "evicted"), victim("a", "evicted")]
    text = draw(a_story(outcome="unschedulable", victims=told))
    assert_well_formed(text)
    for words in ("CapacityScheduling asks for room", "takes back", "evicted team-b/a", "evicted team-b/b"):
        assert words in text
    assert "refused team-b/a" not in text


def test_a_preemption_shows_whom_it_may_clear_from_where() -> None:
    pods = [PodName("team-b", f"v{i}", f"u{i}") for i in range(5)]
    phase = PhaseStory("preempt", "t", 0.2, 3, 2, node="node-1,node-2", proposed={"node-1": pods, "node-2": pods[:1]})
    text = draw(a_story(outcome="unschedulable", phases=[phase]))
    assert_well_formed(text)
    for words in ("may clear node-1", "team-b/v0", "team-b/v2", "and 2 more", "may clear node-2"):
        assert words in text
    assert "team-b/v3" not in text


def test_plugins_that_changed_nothing_are_folded_before_those_that_rejected() -> None:
    idle = [PluginStory(f"Idle{at}", "filter") for at in range(40)]
    busy = PluginStory("Busy", "filter", rejected=9, reasons={"full": 9})
    phase = PhaseStory("filter", "2026-01-02T03:04:05Z", 0.4, 10, 1, plugins=[*idle, busy])
    text = draw(a_story(phases=[phase]))
    assert "Busy" in text
    assert "more plugins" in text
    assert "Idle39" not in text


@settings(max_examples=150, deadline=None)
@given(stories)
def test_any_story_gives_text_of_our_own_grammar_and_at_most_sixty_boxes(story: Story) -> None:
    text = draw(story)
    assert_well_formed(text)
    assert len(set(re.findall(r"^\s*(n\d+)[\[(]", text, re.MULTILINE))) <= NODES_MAX


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(texts, counts), max_size=4),
    st.lists(st.tuples(texts, texts, counts), max_size=60),
    st.lists(st.tuples(texts, counts), max_size=60),
)
def test_any_flow_gives_text_of_our_own_grammar_and_at_most_sixty_boxes(
    outcomes: list[tuple[str, int]], rejections: list[tuple[str, str, int]], nodes: list[tuple[str, int]]
) -> None:
    text = draw_flow(outcomes, rejections, [("scheduled", 1), *nodes])
    assert_well_formed(text)
    assert len(set(re.findall(r"^\s*(n\d+)[\[(]", text, re.MULTILINE))) <= NODES_MAX


@given(st.text())
def test_a_label_holds_no_sign_that_mermaid_reads(text: str) -> None:
    assert _HARMLESS.fullmatch(label(text))
    seen = label(text).replace("#8288;", "")  # joiners take no room
    assert len(re.sub(r"#\d+;", "x", seen)) <= LABEL_LENGTH_MAX


def test_long_names_keep_both_ends() -> None:
    name = "start-" + "x" * 240 + "-end"
    assert label(name).startswith("start-xxx")
    assert label(name).endswith("x-end")


def test_control_and_direction_marks_become_visible() -> None:
    assert label("a\x00b\u202ec\u200d") == "a\ufffdb\ufffdc\ufffd"


def test_letters_of_other_scripts_stay() -> None:
    assert label("节点 é ก็") == "节点 é ก็"


def test_titles_are_plain_words() -> None:
    assert plain('x: "y"; #1 <b>') == "x y 1 b"
