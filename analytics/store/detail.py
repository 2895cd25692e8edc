"""The long tail of a verb call, packed into one compressed JSON value."""

from __future__ import annotations

from typing import Any

import orjson
import zstandard

from extender.record.frames import Decision

CODEC = "zstd"
# Names of more candidates than this stay in the journal, where `replay` reads them; the count is in the decision row.
MAX_CANDIDATES = 256
# A body that claims to be longer than this is not unpacked: it is no detail of ours.
MAX_BYTES = 64 << 20
_LEVEL = 3


def pack(frame: Decision) -> bytes | None:
    """The detail of one frame, or None when it has none."""
    detail: dict[str, Any] = {}
    if frame.best:
        detail["best"] = [{"node": s.node, "total": s.total, "parts": s.parts} for s in frame.best]
    if frame.rejected:
        detail["rejected"] = [
            {"node": r.node, "plugin": r.plugin, "reason": r.reason, "unresolvable": r.unresolvable}
            for r in frame.rejected
        ]
    if frame.leases:
        detail["leases"] = [{"plugin": t.plugin, "action": t.action, "detail": t.detail} for t in frame.leases]
    if frame.skipped:
        detail["skipped"] = [{"plugin": s.plugin, "phases": s.phases, "why": s.why} for s in frame.skipped]
    if frame.victims:
        detail["victims"] = {
            node: [{"namespace": pod.namespace, "name": pod.name, "uid": pod.uid} for pod in pods]
            for node, pods in frame.victims.items()
        }
    if frame.features:
        detail["features"] = frame.features
    if 0 < len(frame.candidates) <= MAX_CANDIDATES:
        detail["candidates"] = frame.candidates
    if not detail:
        return None
    body = orjson.dumps(detail, option=orjson.OPT_NON_STR_KEYS, default=str)
    return zstandard.ZstdCompressor(level=_LEVEL).compress(body)


def unpack(codec: str, body: bytes) -> dict[str, Any]:
    """What `pack` took. Raises ValueError for a codec that this program does not know or a broken body."""
    if codec != CODEC:
        raise ValueError(f"detail is packed as {codec!r}, which this program does not know")
    try:
        text = zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_BYTES)
    except zstandard.ZstdError as error:
        raise ValueError(f"detail cannot be unpacked: {error}") from error
    value = orjson.loads(text)
    if not isinstance(value, dict):
        raise ValueError("detail is not an object")  # noqa: TRY004 a broken body, whatever its kind
    return value
