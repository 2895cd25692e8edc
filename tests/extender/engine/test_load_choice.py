"""Where node load comes from when the options do not say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from extender.engine.load_choice import load_source
from extender.engine.profile import PolicySet, Profile, Seat, profile_of
from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin
from extender.framework.declaration import Plugin
from extender.model.load_source import LoadSource, Provider
from extender.plugins import PLUGINS

BY_NAME = {plugin.name: plugin for plugin in PLUGINS}
API = LoadSource(provider=Provider.KUBERNETES)


def seat(name: str, args: Mapping[str, Any] | None = None) -> Seat:
    plugin: Plugin = BY_NAME[name]
    decoded, problems = args_of(plugin, dict(args or {}))
    assert problems == []
    return Seat(plugin, CompiledPlugin(plugin, {}, {}), decoded, 1, frozenset({"score"}))


def chosen(*seats: Seat, api: bool = True) -> LoadSource | None:
    policy = PolicySet(profiles={"default-scheduler": Profile("default-scheduler", seats=seats)})
    return load_source(policy, has_metrics_api=api)


def test_nobody_who_reads_load_means_no_source() -> None:
    assert chosen() is None
    assert chosen(seat("PodState")) is None


def test_the_metrics_api_is_what_is_left_where_there_is_one() -> None:
    assert chosen(seat("TargetLoadPacking")) == API
    assert chosen(seat("Peaks")) == API
    assert chosen(seat("TargetLoadPacking"), api=False) is None


def test_a_watcher_wins_over_the_provider_beside_it() -> None:
    args = {"watcherAddress": "http://w:2020", "metricProvider": {"type": "Prometheus"}}
    assert chosen(seat("TargetLoadPacking", args)) == LoadSource(
        provider=Provider.LOAD_WATCHER, address="http://w:2020"
    )


def test_prometheus_is_asked_as_its_arguments_say() -> None:
    provider = {"type": "Prometheus", "address": "https://p", "token": "t", "insecureSkipVerify": False}
    found = chosen(seat("LoadVariationRiskBalancing", {"metricProvider": provider}))
    assert found == LoadSource(provider=Provider.PROMETHEUS, address="https://p", token="t")  # noqa: S106


def test_the_first_source_that_is_named_counts_and_silence_names_none() -> None:
    silent, named = seat("TargetLoadPacking"), seat("Peaks", {"WatcherAddress": "http://first"})
    later = seat("LowRiskOverCommitment", {"watcherAddress": "http://second"})
    assert chosen(silent, named, later) == LoadSource(provider=Provider.LOAD_WATCHER, address="http://first")


def test_a_plugin_in_shadow_names_the_source_only_where_nobody_else_reads_load() -> None:
    named = replace(seat("Peaks", {"WatcherAddress": "http://shadow"}), phases=frozenset(), shadow=frozenset({"score"}))

    def of(*seats: Seat) -> LoadSource | None:
        return load_source(PolicySet(profiles={"*": profile_of("*", seats)}), has_metrics_api=True)

    assert of(named, seat("TargetLoadPacking")) == API
    assert of(named, seat("PodState")) == LoadSource(provider=Provider.LOAD_WATCHER, address="http://shadow")
