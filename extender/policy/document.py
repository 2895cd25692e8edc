"""The policy document: `SchedulingPolicy`, one Struct per mapping. Its JSON Schema comes out of these types."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from extender.policy.modes import ENTRIES_MAX, Canary, Guard, Rule
from extender.policy.moments import Duration, Moment
from extender.policy.part import Part as _Part

API_VERSION: Final = "policy.trimtab.dev/v1alpha1"
KIND: Final = "SchedulingPolicy"

WEIGHT_MAX = 1_000_000
"""A weight may outweigh all in-tree scores together; totals stay far inside an int64, kube-scheduler's x10 included."""
PROFILES_MAX = 64
EVERY_SCHEDULER = "*"
DEFAULT_SCHEDULER = "default-scheduler"
ALL_PLUGINS = "*"


SPARSE_MAX = 100_000
_DEADLINE = "How long one part of the plugin may take in one call: 100us to 10s. What comes later is not used."
_ON_FAILURE = (
    "What a failure, an overrun or an open breaker means: open (default): neutral; closed: the pod is refused."
)


class Metadata(_Part, frozen=True):
    name: Annotated[str, Meta(description="For people; it selects nothing.", max_length=253)] = "default"
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class Scoring(_Part, frozen=True, omit_defaults=False):
    scale: Annotated[
        Literal["wide", "strict"],
        Meta(description="wide: the exact weighted sum; strict: 0..10, as the extender protocol documents."),
    ] = "wide"
    sparse: Annotated[
        int,
        Meta(
            description="0: every node is answered with its score. n: only the best, as whole levels of equal scores "
            "that fit into n nodes; all others then count as 0.",
            ge=0,
            le=SPARSE_MAX,
        ),
    ] = 0


class Defaults(_Part, frozen=True):
    """What entries that say nothing get."""

    deadline: Annotated[Duration, Meta(description=_DEADLINE)] | None = None
    on_failure: Annotated[Literal["open", "closed"], Meta(description=_ON_FAILURE)] | None = None


class EnabledPlugin(_Part, frozen=True):
    name: str
    weight: Annotated[int, Meta(description="How much a score counts; default 1.", ge=1, le=WEIGHT_MAX)] | None = None
    mode: Annotated[
        Literal["enforce", "shadow"],
        Meta(description="shadow: asked behind the answer, and without effect; the report says what it would do."),
    ] = "enforce"
    canary: Canary | None = None
    since: Annotated[Moment, Meta(description="It counts from then on.")] | None = msgspec.field(
        default=None, name="from"
    )
    until: Annotated[Moment, Meta(description="It counts no longer from then on.")] | None = None
    deadline: Annotated[Duration, Meta(description=_DEADLINE)] | None = None
    on_failure: Annotated[Literal["open", "closed"], Meta(description=_ON_FAILURE)] | None = None


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
    args: dict[str, Any] = msgspec.field(default_factory=dict)


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
    rules: Annotated[
        tuple[Rule, ...],
        Meta(description="Switch plugins by the state of the cluster.", max_length=ENTRIES_MAX),
    ] = ()
    guards: Annotated[
        tuple[Guard, ...],
        Meta(description="Take a plugin or the whole policy back by themselves.", max_length=ENTRIES_MAX),
    ] = ()


FIELD_OF_PHASE = {field.encode_name: field.name for field in msgspec.structs.fields(Plugins)}
CYCLE_ORDER = tuple(name for name in FIELD_OF_PHASE if name != "multiPoint")
"""Phases in the order in which a cycle passes them."""
