"""Where records are put: numbered, each written once, and one head beside them that says where the chain ends."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

Json = dict[str, Any]


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the chain begins and ends; without it nobody could see that the newest or the oldest are gone."""

    first: int
    """The oldest that has not been pruned."""
    first_previous: str
    """What that one is chained to."""
    last: int
    last_chain: str
    signature: str = ""

    def signed(self) -> bytes:
        """What the signature is over."""
        return b"head\0" + msgspec.json.encode(msgspec.structs.replace(self, signature=""))


class Shelf(Protocol):
    """Every method raises Unreachable or Forbidden."""

    async def numbers(self) -> list[int]:
        """Of all records there are, in order."""
        ...

    async def get(self, number: int) -> Json | None:
        """None: there is none. What cannot be read is an empty mapping."""
        ...

    async def create(self, number: int, record: Json) -> bool:
        """False: the number is taken. Raises TooLarge too."""
        ...

    async def remove(self, number: int) -> None:
        """Nothing is wrong when it is gone already."""
        ...

    async def head(self) -> tuple[Head | None, str]:
        """(head, its version). None: there is none, or it cannot be read."""
        ...

    async def set_head(self, head: Head, version: str) -> bool:
        """False: it is not the one of that version any more."""
        ...
