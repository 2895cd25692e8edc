"""What the ingest counts. `COLLECTORS` belong in the registry of whoever serves /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

FRAMES = Counter("trimtab_ingest_frames_total", "Journal frames taken in.", registry=None)
QUARANTINED = Counter("trimtab_ingest_quarantined_total", "Records set aside because of their content.", registry=None)
DAMAGED_BYTES = Counter("trimtab_ingest_damaged_bytes_total", "Journal bytes that were no frame.", registry=None)
MISSING_SEGMENTS = Counter(
    "trimtab_ingest_missing_segments_total", "Journal segments that were deleted unread.", registry=None
)
BEHIND_BYTES = Gauge(
    "trimtab_ingest_behind_bytes", "Journal bytes on disk that are not in the store yet.", registry=None
)
FAILURES = Counter("trimtab_ingest_failures_total", "Batches that could not be written at once.", registry=None)
CHECKPOINTS_REFUSED = Counter(
    "trimtab_store_checkpoints_refused_total", "Checkpoints put off because of other work.", registry=None
)
REBUILDS = Counter(
    "trimtab_store_rebuilds_total", "Times the store was damaged and filled again from journals.", registry=None
)
MOVED = Counter(
    "trimtab_ingest_moved_total", "Batches that another sidecar had taken in of the same journal.", registry=None
)

COLLECTORS = (
    FRAMES,
    QUARANTINED,
    DAMAGED_BYTES,
    MISSING_SEGMENTS,
    BEHIND_BYTES,
    FAILURES,
    CHECKPOINTS_REFUSED,
    REBUILDS,
    MOVED,
)
