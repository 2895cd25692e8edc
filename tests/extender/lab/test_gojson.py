"""The lab writes what Go writes."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.lab import gojson

RECORDED = sorted((Path(__file__).parents[2] / "contract" / "wire").glob("*/*/*.request.json*"))


def scrambled(tree: Any, chance: random.Random) -> Any:
    if isinstance(tree, dict):
        keys = list(tree)
        chance.shuffle(keys)
        return {key: scrambled(tree[key], chance) for key in keys}
    return [scrambled(item, chance) for item in tree] if isinstance(tree, list) else tree


def test_there_are_recordings_to_compare_with() -> None:
    assert len(RECORDED) > 50


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: "-".join(p.parts[-3:]))
def test_requests_are_written_byte_for_byte_as_a_real_scheduler_wrote_them(path: Path) -> None:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    tree = scrambled(json.loads(raw), random.Random(path.name))
    match path.name.split(".")[1]:
        case "bind":
            written = gojson.dumps(tree, gojson.BINDING_ARGS)
        case "preempt" if tree["NodeNameToMetaVictims"] is not None:
            written = gojson.preemption_args(tree["Pod"], tree["NodeNameToMetaVictims"])
        case "preempt":
            return  # the lab is a cache-capable scheduler: it sends victims by UID
        case _:
            written = gojson.dumps(tree, gojson.ARGS)
    assert written == raw


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_trees)
def test_what_is_written_means_the_same(tree: Any) -> None:
    written = gojson.dumps(tree)
    assert orjson.loads(written) == tree
    assert not any(mark in written for mark in (b"<", b">", b"&"))


@given(st.dictionaries(st.text(), st.integers(0, 9), max_size=8))
def test_keys_of_a_map_are_sorted(tree: dict[str, int]) -> None:
    assert list(orjson.loads(gojson.dumps(tree))) == sorted(tree)
