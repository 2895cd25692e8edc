"""Arguments of SySched: upstream's two, and a switch of our own."""

from __future__ import annotations

from typing import Annotated

import msgspec

from extender.framework import Args


class SySchedArgs(Args, frozen=True):
    default_profile_namespace: Annotated[
        str, msgspec.Meta(description="Namespace of the profile of pods without one.")
    ] = "default"
    default_profile_name: Annotated[str, msgspec.Meta(description="Name of the profile of pods without one.")] = (
        "all-syscalls"
    )
    exact_pods: Annotated[
        bool | msgspec.UnsetType,
        msgspec.Meta(
            description="Ours. True: pods are told apart by UID, count from their binding on, and with their init "
            "containers. Default: as upstream, by name on their node, from Running on, app containers only."
        ),
    ] = msgspec.UNSET
