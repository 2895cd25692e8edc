"""Arguments of Peaks, with upstream's names: they are written as its Go fields are, capital first."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from extender.framework import Args, LoadSource, Provider


class PowerModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """power(x) = k0 + k1 e^(k2 x), x the CPU utilisation in percent; k0 + k1 is the power of an idle node."""

    k0: float = 0.0
    k1: float = 0.0
    k2: float = 0.0


class PeaksArgs(Args, frozen=True):
    watcher_address: Annotated[
        str, msgspec.Meta(description="URL of a load-watcher; empty: the extender's own options decide.")
    ] = msgspec.field(name="WatcherAddress", default="")
    node_power_model: Annotated[
        dict[str, PowerModel] | None, msgspec.Meta(description="Node name -> coefficients of its power model.")
    ] = msgspec.field(name="NodePowerModel", default=None)
    unjudged_nodes: Annotated[
        Literal["best", "worst"] | msgspec.UnsetType,
        msgspec.Meta(
            description="Nodes without measurement or model, or that would exceed 100 %: best, as upstream; or worst."
        ),
    ] = msgspec.UNSET


def source_of(args: PeaksArgs) -> LoadSource | None:
    """Upstream knows no other source than a load-watcher."""
    if not args.watcher_address:
        return None
    return LoadSource(provider=Provider.LOAD_WATCHER, address=args.watcher_address)
