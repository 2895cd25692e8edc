"""A value that stands in a Secret instead of in the policy."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
KEY_PATTERN = r"^[-._a-zA-Z0-9]{1,253}$"


class SecretKey(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of a Secret in the namespace of the policy."""

    name: Annotated[str, Meta(pattern=NAME_PATTERN, description="Name of the Secret.", examples=["trimtab-plugins"])]
    key: Annotated[str, Meta(pattern=KEY_PATTERN, description="Key in its data.", examples=["token"])]

    def __str__(self) -> str:
        return f"Secret {self.name}, key {self.key}"


class InSecret(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """As an argument has it: `{secretRef: {name: ..., key: ...}}`."""

    secret_ref: SecretKey
