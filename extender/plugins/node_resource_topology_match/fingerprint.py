"""The fingerprint of a set of pods: equal if and only if two sides know the same pods of a node.

    h(pod) = xxhash64(name, seed = xxhash64(namespace))
    F      = xxhash64(all h, ascending, 8 bytes little-endian each)

As text: `pfp0v001` and F as 16 hex digits.
"""

from __future__ import annotations

from collections.abc import Iterable

from xxhash import xxh64_intdigest

VERSION = "pfp0v001"


def fingerprint(pods: Iterable[tuple[str, str]]) -> str:
    """(namespace, name) of each pod, in any order."""
    hashes = sorted(xxh64_intdigest(name.encode(), xxh64_intdigest(namespace.encode())) for namespace, name in pods)
    whole = xxh64_intdigest(b"".join(one.to_bytes(8, "little") for one in hashes))
    return f"{VERSION}{whole:016x}"
