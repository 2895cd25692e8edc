"""Arguments of NodeMetadata, with upstream's names, values and error texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from extender.framework import Args

LABEL, ANNOTATION = "Label", "Annotation"
NUMBER, TIMESTAMP = "Number", "Timestamp"
HIGHEST, LOWEST, NEWEST, OLDEST = "Highest", "Lowest", "Newest", "Oldest"
RFC3339 = "2006-01-02T15:04:05Z07:00"


def _one_of(text: str, *values: str) -> msgspec.Meta:
    return msgspec.Meta(description=text, extra_json_schema={"enum": ["", *values]})


class NodeMetadataArgs(Args, frozen=True):
    metadata_key: Annotated[str, msgspec.Meta(description="Key of the label or annotation. Required.")] = ""
    metadata_source: Annotated[str, _one_of("Where the key stands. Required.", LABEL, ANNOTATION)] = ""
    metadata_type: Annotated[str, _one_of("What its value is. Required.", NUMBER, TIMESTAMP)] = ""
    scoring_strategy: Annotated[
        str,
        _one_of("Highest or Lowest number, Newest or Oldest timestamp. Required.", HIGHEST, LOWEST, NEWEST, OLDEST),
    ] = ""
    timestamp_format: Annotated[
        str, msgspec.Meta(description="Layout of Go's time package; absent or empty: RFC 3339 for Timestamp.")
    ] = ""

    @property
    def layout(self) -> str:
        """Of a timestamp."""
        return self.timestamp_format or RFC3339


def decode_args(raw: Mapping[str, Any]) -> NodeMetadataArgs:
    """Only an absent format is defaulted, not an empty one. Raises msgspec.ValidationError."""
    args = msgspec.convert(raw, NodeMetadataArgs, strict=True)
    if args.metadata_type == TIMESTAMP and "timestampFormat" not in raw:
        return msgspec.structs.replace(args, timestamp_format=RFC3339)
    return args


def check(args: NodeMetadataArgs) -> list[tuple[str, str]]:
    wrong = [
        ("metadataKey", args.metadata_key, bool(args.metadata_key), "metadataKey cannot be empty"),
        (
            "metadataSource",
            args.metadata_source,
            args.metadata_source in (LABEL, ANNOTATION),
            'metadataSource must be either "Label" or "Annotation"',
        ),
        (
            "metadataType",
            args.metadata_type,
            args.metadata_type in (NUMBER, TIMESTAMP),
            'metadataType must be either "Number" or "Timestamp"',
        ),
        ("scoringStrategy", args.scoring_strategy, *_strategy_fits(args)),
    ]
    return [(path, f'Invalid value: "{value}": {why}') for path, value, fits, why in wrong if not fits]


def _strategy_fits(args: NodeMetadataArgs) -> tuple[bool, str]:
    strategy = args.scoring_strategy
    if strategy not in (HIGHEST, LOWEST, NEWEST, OLDEST):
        return False, 'scoringStrategy must be one of "Highest", "Lowest", "Newest", or "Oldest"'
    if args.metadata_type == NUMBER and strategy in (NEWEST, OLDEST):
        return False, 'scoringStrategy "Newest" and "Oldest" are only valid for metadataType "Timestamp"'
    if args.metadata_type == TIMESTAMP and strategy in (HIGHEST, LOWEST):
        return False, 'scoringStrategy "Highest" and "Lowest" are only valid for metadataType "Number"'
    return True, ""
