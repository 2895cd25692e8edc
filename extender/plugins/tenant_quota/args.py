"""Which resources of pods are a tenant's storage, and which its GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from extender.framework import Args, Resources
from extender.tenancy import EPHEMERAL_STORAGE, GPUS, STORAGE, Amounts, counted


class TenantQuotaArgs(Args, frozen=True):
    gpu_resources: Annotated[
        tuple[str, ...], msgspec.Meta(description="Extended resources that count as GPUs, together.")
    ] = GPUS
    storage_resources: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Resources that count as storage, together; PersistentVolumeClaims never do."),
    ] = STORAGE


def check(args: TenantQuotaArgs) -> list[tuple[str, str]]:
    return [
        *_wrong("gpuResources", args.gpu_resources, ()),
        *_wrong("storageResources", args.storage_resources, (EPHEMERAL_STORAGE,)),
    ]


def _wrong(path: str, names: tuple[str, ...], plain: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for i, name in enumerate(names):
        if "/" not in name and name not in plain:
            known = "".join(f"{other} or " for other in plain)
            yield f"{path}[{i}]", f"want {known}an extended resource such as nvidia.com/gpu, got {name!r}"
        elif name in names[:i]:
            yield f"{path}[{i}]", f"{name} is listed twice"


def amounts_of(held: Resources, args: TenantQuotaArgs) -> Amounts:
    """The resources of pods as a tenant's quota counts them."""
    return counted(held, args.storage_resources, args.gpu_resources)
