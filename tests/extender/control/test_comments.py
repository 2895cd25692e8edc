"""An edit leaves what it does not touch as people wrote it."""

from __future__ import annotations

import copy
import difflib

from hypothesis import given
from hypothesis import strategies as st

from extender.control.comments import BYTES_MAX
from extender.control.text import text_like, tree_of
from extender.policy.dump import as_yaml

TEXT = b"""\
# Who may edit this: the platform team.
apiVersion: policy.trimtab.dev/v1alpha1
kind: SchedulingPolicy
metadata: {name: "quoted"}   # for people
profiles:
  - schedulerName: default-scheduler
    plugins:
      score:
        enabled:
          # packing, since the outage
          - {name: TargetLoadPacking, weight: 2}  # twice
          - name: PodState     # last
    pluginConfig:
      - name: TargetLoadPacking
        args:
          targetUtilization: 40   # percent
"""

VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from(["", "a", "yes", "1.5", "a: b # c", "é\n"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["name", "a", "b"]), inner, max_size=3),
        st.lists(st.fixed_dictionaries({"name": st.sampled_from("abc"), "x": inner}), max_size=3),
    ),
    max_leaves=12,
)
TREES = st.dictionaries(st.sampled_from(["name", "a", "b", "c"]), VALUES, max_size=4)


def changed_lines(before: bytes, after: bytes) -> list[str]:
    lines = difflib.ndiff(before.decode().splitlines(), after.decode().splitlines())
    return [line for line in lines if line[0] in "+-"]


def test_one_changed_value_is_one_changed_line_and_its_comment_stays() -> None:
    tree = copy.deepcopy(tree_of(TEXT))
    tree["profiles"][0]["pluginConfig"][0]["args"]["targetUtilization"] = 60
    assert changed_lines(TEXT, text_like(TEXT, tree)) == [
        "-           targetUtilization: 40   # percent",
        "+           targetUtilization: 60   # percent",
    ]


def test_an_entry_that_comes_or_goes_leaves_its_neighbours_alone() -> None:
    tree = copy.deepcopy(tree_of(TEXT))
    tree["profiles"][0]["plugins"]["score"]["enabled"].insert(1, {"name": "Peaks", "weight": 3})
    with_peaks = text_like(TEXT, tree)
    assert changed_lines(TEXT, with_peaks) == ["+           - {name: Peaks, weight: 3}"]
    del tree["profiles"][0]["plugins"]["score"]["enabled"][1]
    assert text_like(with_peaks, tree) == TEXT


@given(TREES, TREES)
def test_the_text_says_the_tree_whatever_was_there_before(before: dict[str, object], after: dict[str, object]) -> None:
    assert tree_of(text_like(as_yaml(before).encode(), after)) == after


def test_a_text_too_long_to_keep_its_layout_says_the_tree_all_the_same() -> None:
    tree = tree_of(TEXT) | {"metadata": {"name": "x"}}
    long = TEXT + b"# long\n" * (BYTES_MAX // 7)
    assert tree_of(text_like(long, tree)) == tree
