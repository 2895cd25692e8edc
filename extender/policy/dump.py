"""A document as text that people edit, and as plain data. `parse(dump(document))` is the same document."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

from extender.policy.document import SchedulingPolicy


class _Dumper(yaml.CSafeDumper):
    """Quotes every string that a YAML 1.1 or a YAML 1.2 reader would take for something else."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


# What 1.2 reads as a number and 1.1 does not: 0o17, 1e5, 089.
_Dumper.add_implicit_resolver(
    "tag:trimtab.dev,2026:number-in-1.2",
    re.compile(r"0o[0-7]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII),
    list("-+.0123456789"),
)


def plain(document: SchedulingPolicy) -> dict[str, Any]:
    """The document as dicts and lists, fields named as in the text."""
    # By way of JSON, because to_builtins leaves tuples as tuples.
    return msgspec.json.decode(msgspec.json.encode(document), type=dict[str, Any])


def dump(document: SchedulingPolicy) -> str:
    """YAML, in the order of the format."""
    return as_yaml(plain(document))


def as_yaml(tree: object) -> str:
    """Plain data as YAML, mappings in their own order."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120
    )
    return text
