"""JSON or YAML -> Tenant, or all that is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from extender.quantity import QuantityError, nano
from extender.tenancy.tenant import PreemptionPolicy, SchedulingPolicy, Tenant

_AT = re.compile(r" - at `\$\.?(.*)`$")
_CHOICES = {"preemptionPolicy": PreemptionPolicy, "schedulingPolicy": SchedulingPolicy}


class TenantError(ValueError):
    """The configuration is faulty; the text says where and why."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


def read_tenant(tree: object) -> Tenant:
    """A tenant's configuration (R-106), checked by itself (R-108). Raises TenantError."""
    try:
        tenant = msgspec.convert(tree, Tenant, strict=True)
    except msgspec.ValidationError as wrong:
        raise _located(wrong, tree) from None
    for name, text in msgspec.structs.asdict(tenant.quota).items():
        if text is not None:
            _check_quantity(f"quota.{name}", text)
    if not math.isfinite(tenant.policies.max_burst_ratio):
        raise TenantError("policies.maxBurstRatio", "want a number of 1 or more")
    doubled = [name for i, name in enumerate(tenant.namespaces) if name in tenant.namespaces[:i]]
    if doubled:
        raise TenantError("namespaces", f"{doubled[0]} is listed twice")
    return tenant


def read_object(found: Mapping[str, Any]) -> Tenant:
    """A Tenant object of the API: its spec, under the object's name. Raises TenantError."""
    metadata, spec = found.get("metadata"), found.get("spec")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not name:
        raise TenantError("metadata.name", "want a name")
    if not isinstance(spec, Mapping):
        raise TenantError("spec", "want a tenant's configuration")
    if spec.get("name", name) != name:
        raise TenantError("spec.name", f"want {name}, as the object is called, or no name")
    try:
        return read_tenant({**spec, "name": name})
    except TenantError as wrong:
        raise TenantError(f"spec.{wrong.path}" if wrong.path else "spec", wrong.message) from None


def _check_quantity(path: str, text: str | float) -> None:
    try:
        negative = nano(text) < 0
    except QuantityError as wrong:
        raise TenantError(path, str(wrong)) from None
    if negative:
        raise TenantError(path, f"{text} is negative")


def _located(wrong: msgspec.ValidationError, tree: object) -> TenantError:
    text = str(wrong)
    found = _AT.search(text)
    path = found[1] if found else ""
    message = text[: found.start()] if found else text
    choices = _CHOICES.get(path.rpartition(".")[2])
    if choices is not None and isinstance(tree, Mapping):
        message = f"{message}; known: {', '.join(choice.value for choice in choices)}"
    return TenantError(path, message)
