"""Limits count what was allowed within the last minute, and nothing longer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extender.eviction.limits import MINUTE_S, EvictionSettings, Limits
from extender.model.pod import Pod


def pod(namespace: str = "a") -> Pod:
    return Pod(namespace=namespace, name="p", uid="u")


def test_each_limit_says_which_it_is() -> None:
    for settings, told in (
        (EvictionSettings(per_minute=1), "cluster"),
        (EvictionSettings(per_node=1), "one node"),
        (EvictionSettings(per_namespace=1), "namespace (a)"),
    ):
        limits = Limits(settings)
        assert limits.take([pod()], "n", 0.0) == ""
        assert told in limits.take([pod()], "n", 0.0)


def test_a_group_passes_as_a_whole_or_not_at_all() -> None:
    limits = Limits(EvictionSettings(per_namespace=2))
    assert limits.take([pod(), pod(), pod()], "n", 0.0)
    assert limits.in_last_minute(0.0) == 0
    assert limits.take([pod(), pod(), pod("b")], "n", 0.0) == ""


@given(
    st.lists(
        st.tuples(st.integers(0, 90), st.sampled_from("xyz"), st.sampled_from("ab"), st.integers(1, 3)), max_size=40
    )
)
def test_no_minute_ever_holds_more_than_allowed(asked: list[tuple[int, str, str, int]]) -> None:
    """Compared with a plain list of everything that was allowed."""
    limits = Limits(EvictionSettings(per_minute=6, per_node=3, per_namespace=4))
    allowed: list[tuple[float, str, str]] = []
    now_s = 0.0
    for step, node, namespace, count in asked:
        now_s += step
        recent = [(n, s) for at, n, s in allowed if at > now_s - MINUTE_S]
        fits = (
            len(recent) + count <= 6
            and sum(n == node for n, _s in recent) + count <= 3
            and sum(s == namespace for _n, s in recent) + count <= 4
        )
        assert (limits.take([pod(namespace)] * count, node, now_s) == "") == fits
        if fits:
            allowed += [(now_s, node, namespace)] * count
        assert limits.in_last_minute(now_s) == sum(at > now_s - MINUTE_S for at, _n, _s in allowed)
