"""Arguments of NetworkOverhead, with upstream's names and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from extender.framework import Args

NAMESPACES = ("default",)


class NetworkOverheadArgs(Args, frozen=True):
    namespaces: Annotated[
        tuple[str, ...], msgspec.Meta(description="Searched in this order for the AppGroup and the NetworkTopology.")
    ] = NAMESPACES
    weights_name: Annotated[str, msgspec.Meta(description="Which weights of the NetworkTopology count.")] = (
        "UserDefined"
    )
    network_topology_name: Annotated[str, msgspec.Meta(description="Name of the NetworkTopology.")] = "nt-default"


def decode_args(raw: Mapping[str, Any]) -> NetworkOverheadArgs:
    """An empty list of namespaces is defaulted like an absent one; empty names stay. Raises msgspec.ValidationError."""
    args = msgspec.convert(raw, NetworkOverheadArgs, strict=True)
    return args if args.namespaces else msgspec.structs.replace(args, namespaces=NAMESPACES)
