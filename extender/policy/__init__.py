"""The policy: what the document says, where it comes from, and how it is kept.

Lives here: the document's types, reading and checking it against a catalogue passed in as data, its JSON Schema,
its sources, the last good copy, its status, and the one writer of the ConfigMap.
Never here: numpy, numba, plugins, the engine. Analytics uses this room too, so importing it stays cheap: sources,
keeper, status and writer are imported from their own modules.
"""

from extender.policy.catalogue import PHASES, SHADOW_EVALUATES, Catalogue, PluginInfo
from extender.policy.document import SchedulingPolicy
from extender.policy.dump import dump, plain
from extender.policy.parse import parse
from extender.policy.parsed import ParsedPolicy, ResolvedPlugin, ResolvedProfile, empty_policy
from extender.policy.problem import PolicyRefused, Problem
from extender.policy.schema import json_schema
from extender.policy.text import PolicyText

__all__ = [
    "PHASES",
    "SHADOW_EVALUATES",
    "Catalogue",
    "ParsedPolicy",
    "PluginInfo",
    "PolicyRefused",
    "PolicyText",
    "Problem",
    "ResolvedPlugin",
    "ResolvedProfile",
    "SchedulingPolicy",
    "dump",
    "empty_policy",
    "json_schema",
    "parse",
    "plain",
]
