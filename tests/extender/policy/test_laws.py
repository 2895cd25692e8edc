"""Laws of the policy reader: whatever comes in, a policy or PolicyRefused comes out; what is dumped reads the same."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from extender.policy import PolicyRefused, SchedulingPolicy, dump, json_schema, parse, plain
from extender.policy.catalogue import PluginInfo
from extender.policy.document import (
    API_VERSION,
    CYCLE_ORDER,
    FIELD_OF_PHASE,
    KIND,
    WEIGHT_MAX,
    DisabledPlugin,
    EnabledPlugin,
    Metadata,
    PluginConfig,
    Plugins,
    PluginSet,
    Profile,
    Scoring,
)
from extender.policy.text import text_of
from tests.extender.policy.a_catalogue import CATALOGUE, HEAD

OPEN = PluginInfo("Open", "", "alpha", ("score",), {"type": "object"}, {})
KNOWN = {**CATALOGUE, "Open": OPEN}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
words = st.sampled_from(
    [
        *("apiVersion", "kind", "metadata", "scoring", "defaults", "profiles", "plugins", "pluginConfig"),
        *("name", "args", "enabled", "disabled", "weight", "mode", "schedulerName", "multiPoint", "filter", "score"),
        *("enabled_plugins", "disabled_plugins", "plugin_configs"),
    ]
)
near_trees = st.recursive(
    scalars | st.sampled_from(["PodState", "*", "QOSSort", API_VERSION, KIND, "enforce", "shadow"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=6),
    max_leaves=25,
)


def parsed_or_refused(text: str | bytes) -> None:
    refused = None
    try:
        parse(text, KNOWN)
    except PolicyRefused as caught:
        refused = caught
    if refused is not None:
        assert refused.problems
        assert str(refused).encode()


@given(st.text() | st.binary())
def test_arbitrary_text_is_a_policy_or_refused(text: str | bytes) -> None:
    parsed_or_refused(text)


@given(st.text(alphabet="abk:-[]{}&*!<>|'\"%#,?\n 01~.\\", max_size=60))
def test_text_made_of_yamls_own_signs_is_a_policy_or_refused(text: str) -> None:
    parsed_or_refused(text)
    parsed_or_refused(HEAD + text)


@given(trees | near_trees)
def test_any_json_tree_is_a_policy_or_refused(tree: Any) -> None:
    parsed_or_refused(json.dumps(tree))


@given(st.dictionaries(words, near_trees, max_size=6))
def test_anything_with_the_right_head_is_a_policy_or_refused(tree: dict[str, Any]) -> None:
    parsed_or_refused(json.dumps({"apiVersion": API_VERSION, "kind": KIND} | tree))


@given(st.dictionaries(st.sampled_from(["policy.yaml", "enabled_plugins", "disabled_plugins", "other"]), st.text()))
def test_any_configmap_data_is_a_policy_or_refused(data: dict[str, str]) -> None:
    parsed_or_refused(text_of({"data": data}))


names = st.sampled_from(sorted(KNOWN))
own_args = st.dictionaries(st.text(), trees.filter(lambda tree: tree is not None), max_size=3)


@st.composite
def plugin_sets(draw: st.DrawFn) -> PluginSet:
    enabled = draw(st.lists(names, unique=True, max_size=3))
    weights = st.none() | st.integers(1, WEIGHT_MAX)
    return PluginSet(
        enabled=tuple(EnabledPlugin(name=name, weight=draw(weights)) for name in enabled),
        disabled=tuple(DisabledPlugin(name=name) for name in draw(st.lists(names | st.just("*"), max_size=2))),
    )


@st.composite
def profiles(draw: st.DrawFn, name: str) -> Profile:
    sets = draw(st.dictionaries(st.sampled_from(sorted(FIELD_OF_PHASE.values())), plugin_sets(), max_size=4))
    args = draw(st.none() | own_args.map(lambda raw: {k: v for k, v in raw.items() if k not in ("apiVersion", "kind")}))
    config = () if args is None else (PluginConfig(name="Open", args=args),)
    return Profile(scheduler_name=name, plugins=Plugins(**sets), plugin_config=config)


@st.composite
def documents(draw: st.DrawFn) -> SchedulingPolicy:
    schedulers = draw(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=2))
    label_text = st.text(max_size=8)
    return SchedulingPolicy(
        api_version=API_VERSION,
        kind=KIND,
        metadata=Metadata(name=draw(st.text(max_size=20)), labels=draw(st.dictionaries(label_text, label_text))),
        scoring=Scoring(scale=draw(st.sampled_from(["wide", "strict"]))),
        profiles=tuple(draw(profiles(name)) for name in schedulers),
    )


@given(documents())
def test_a_dumped_document_reads_the_same(document: SchedulingPolicy) -> None:
    once = parse(dump(document), KNOWN)
    assert once.document == document
    again = parse(dump(once.document), KNOWN)
    assert (again.document, again.hash, again.profiles) == (once.document, once.hash, once.profiles)
    assert parse(json.dumps(plain(document)), KNOWN) == once


VALIDATOR = jsonschema.Draft202012Validator(json_schema(KNOWN))


@given(documents())
def test_a_document_that_parses_fits_the_schema(document: SchedulingPolicy) -> None:
    VALIDATOR.validate(plain(parse(dump(document), KNOWN).document))


@given(documents())
def test_a_plugin_is_on_only_where_it_is_named_and_works(document: SchedulingPolicy) -> None:
    for written, resolved in zip(document.profiles, parse(dump(document), KNOWN).profiles, strict=True):
        phases = ("multiPoint", *CYCLE_ORDER)
        named = {entry.name for phase in phases for entry in written.plugins.of(phase).enabled}
        assert {plugin.name for plugin in resolved.plugins} <= named
        for plugin in resolved.plugins:
            assert plugin.phases
            assert plugin.phases <= KNOWN[plugin.name].effective_phases()
            assert 1 <= plugin.weight <= WEIGHT_MAX
