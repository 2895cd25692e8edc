"""The policy document: `SchedulingPolicy`, one Struct per mapping. Its JSON Schema comes out of these types.

`not_yet` names fields, and `not_yet_values` values, that the format knows and this version refuses: accepting and
ignoring them would place pods otherwise than the policy says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

API_VERSION: Final = "policy.trimtab.dev/v1alpha1"
KIND: Final = "SchedulingPolicy"

WEIGHT_MAX = 1_000_000
"""A weight may outweigh all in-tree scores together; totals stay far inside an int64, kube-scheduler's x10 included."""
PROFILES_MAX = 64
EVERY_SCHEDULER = "*"
DEFAULT_SCHEDULER = "default-scheduler"
ALL_PLUGINS = "*"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    noun: ClassVar[str] = "field"
    """What a key of this mapping is, for people."""
    not_yet: ClassVar[tuple[str, ...]] = ()
    not_yet_values: ClassVar[Mapping[str, tuple[str, ...]]] = {}


class Metadata(_Part, frozen=True):
    name: Annotated[str, Meta(description="For people; it selects nothing.", max_length=253)] = "default"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Scoring(_Part, frozen=True, omit_defaults=False):
    scale: Annotated[
        Literal["wide", "strict"],
        Meta(description="wide: the exact weighted sum; strict: 0..10, as the extender protocol documents."),
    ] = "wide"


class Defaults(_Part, frozen=True):
    """What entries that say nothing get."""

    not_yet: ClassVar[tuple[str, ...]] = ("deadline", "onFailure")


class EnabledPlugin(_Part, frozen=True):
    not_yet: ClassVar[tuple[str, ...]] = ("canary", "from", "until", "deadline", "onFailure")
    not_yet_values: ClassVar[Mapping[str, tuple[str, ...]]] = {"mode": ("shadow",)}

    name: str
    weight: Annotated[int, Meta(description="How much a score counts; default 1.", ge=1, le=WEIGHT_MAX)] | None = None
    mode: Literal["enforce"] = "enforce"


class DisabledPlugin(_Part, frozen=True):
    name: Annotated[str, Meta(description="A plugin, or * for all that multiPoint would bring here.")]


class PluginSet(_Part, frozen=True):
    enabled: tuple[EnabledPlugin, ...] = ()
    disabled: tuple[DisabledPlugin, ...] = ()


class Plugins(_Part, frozen=True):
    noun: ClassVar[str] = "phase"

    multi_point: Annotated[PluginSet, Meta(description="Every phase that the plugin implements.")] = PluginSet()
    queue_sort: PluginSet = PluginSet()
    pre_filter: PluginSet = PluginSet()
    filter: PluginSet = PluginSet()
    post_filter: PluginSet = PluginSet()
    pre_score: PluginSet = PluginSet()
    score: PluginSet = PluginSet()
    reserve: PluginSet = PluginSet()
    permit: PluginSet = PluginSet()
    pre_bind: PluginSet = PluginSet()
    bind: PluginSet = PluginSet()
    post_bind: PluginSet = PluginSet()

    def of(self, phase: str) -> PluginSet:
        """The set of a phase, or of `multiPoint`, by its name in the document."""
        chosen: PluginSet = getattr(self, FIELD_OF_PHASE[phase])
        return chosen


class PluginConfig(_Part, frozen=True):
    name: str
    args: dict[str, Any] = {}


class Profile(_Part, frozen=True, omit_defaults=False):
    scheduler_name: Annotated[
        str,
        Meta(description="pod.spec.schedulerName that it governs; * for the rest.", min_length=1, max_length=253),
    ] = DEFAULT_SCHEDULER
    plugins: Plugins = Plugins()
    plugin_config: tuple[PluginConfig, ...] = ()


class SchedulingPolicy(_Part, frozen=True, omit_defaults=False):
    api_version: Literal["policy.trimtab.dev/v1alpha1"]
    kind: Literal["SchedulingPolicy"]
    metadata: Metadata = Metadata()
    scoring: Scoring = Scoring()
    defaults: Defaults = Defaults()
    profiles: Annotated[tuple[Profile, ...], Meta(max_length=PROFILES_MAX)] = ()


FIELD_OF_PHASE = {field.encode_name: field.name for field in msgspec.structs.fields(Plugins)}
CYCLE_ORDER = tuple(name for name in FIELD_OF_PHASE if name != "multiPoint")
"""Phases in the order in which a cycle passes them."""
