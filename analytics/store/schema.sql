-- The store, for DuckDB and PostgreSQL alike. Times are microseconds since 1970 (UTC), durations microseconds.
-- Append-only: a correction is a new row. `id` is segment << 32 | offset of the frame in its producer's journal, so
-- (producer, id) names a frame for good. `seen_us` is when the sidecar took it in; it rises from batch to batch.

CREATE TABLE schema_version (version BIGINT NOT NULL, at_us BIGINT NOT NULL);

-- One row per verb call. `opens` marks the first frame seen of a decision: one such row per decision.
CREATE TABLE decision (
  producer TEXT NOT NULL, id BIGINT NOT NULL, seen_us BIGINT NOT NULL, at_us BIGINT NOT NULL,
  decision TEXT NOT NULL, opens BOOLEAN NOT NULL, attempt BIGINT NOT NULL, verb TEXT NOT NULL, code TEXT NOT NULL,
  namespace TEXT NOT NULL, pod TEXT NOT NULL, uid TEXT NOT NULL, owner TEXT NOT NULL, scheduler TEXT NOT NULL,
  profile TEXT NOT NULL, priority BIGINT NOT NULL, revision TEXT NOT NULL, generation BIGINT NOT NULL,
  nodes_in BIGINT NOT NULL, nodes_out BIGINT NOT NULL, nodes_unknown BIGINT NOT NULL, nominated BOOLEAN NOT NULL,
  node TEXT NOT NULL, duration_us FLOAT8 NOT NULL, decode_us FLOAT8 NOT NULL, encode_us FLOAT8 NOT NULL,
  message TEXT NOT NULL
);

-- What one plugin did in one phase of one verb call.
CREATE TABLE verdict (
  producer TEXT NOT NULL, id BIGINT NOT NULL, at_us BIGINT NOT NULL, decision TEXT NOT NULL, plugin TEXT NOT NULL,
  phase TEXT NOT NULL, code TEXT NOT NULL, mode TEXT NOT NULL, nodes_in BIGINT NOT NULL, rejected BIGINT NOT NULL,
  duration_us FLOAT8 NOT NULL, message TEXT NOT NULL
);

-- How many nodes one plugin rejected for one reason in one verb call. A pod-level reason counts all candidates.
CREATE TABLE rejection (
  producer TEXT NOT NULL, id BIGINT NOT NULL, at_us BIGINT NOT NULL, decision TEXT NOT NULL, plugin TEXT NOT NULL,
  phase TEXT NOT NULL, mode TEXT NOT NULL, reason TEXT NOT NULL, nodes BIGINT NOT NULL
);

-- The long tail of a verb call (best, rejected, leases, features, candidates): JSON, compressed as `codec` says.
CREATE TABLE detail (
  producer TEXT NOT NULL, id BIGINT NOT NULL, at_us BIGINT NOT NULL, decision TEXT NOT NULL, codec TEXT NOT NULL,
  body BYTEA NOT NULL
);

-- Ends of decisions as they became known. The row of the highest rank stands (3 scheduled, 2 error, 1 unschedulable,
-- 0 unknown: deleted or lost), and of these the newest.
CREATE TABLE outcome (
  producer TEXT NOT NULL, id BIGINT NOT NULL, seen_us BIGINT NOT NULL, at_us BIGINT NOT NULL, decision TEXT NOT NULL,
  uid TEXT NOT NULL, rank BIGINT NOT NULL, result TEXT NOT NULL, node TEXT NOT NULL, seen_by TEXT NOT NULL,
  message TEXT NOT NULL
);

-- What was done to one victim: evicted by us, or not and why. `decision` and by_...: who needed the room, if anybody.
CREATE TABLE eviction (
  producer TEXT NOT NULL, id BIGINT NOT NULL, seen_us BIGINT NOT NULL, at_us BIGINT NOT NULL, plugin TEXT NOT NULL,
  why TEXT NOT NULL, reason TEXT NOT NULL, namespace TEXT NOT NULL, pod TEXT NOT NULL, uid TEXT NOT NULL,
  owner TEXT NOT NULL, priority BIGINT NOT NULL, node TEXT NOT NULL, result TEXT NOT NULL, message TEXT NOT NULL,
  decision TEXT NOT NULL, by_namespace TEXT NOT NULL, by_pod TEXT NOT NULL, by_uid TEXT NOT NULL
);

-- A decision that a plugin in shadow would have changed. JSON are `reasons` (reason -> nodes) and `sample` (a list of the
-- first nodes that it would have rejected).
CREATE TABLE shadow (
  producer TEXT NOT NULL, id BIGINT NOT NULL, seen_us BIGINT NOT NULL, at_us BIGINT NOT NULL, decision TEXT NOT NULL,
  namespace TEXT NOT NULL, pod TEXT NOT NULL, uid TEXT NOT NULL, profile TEXT NOT NULL, plugin TEXT NOT NULL,
  revision TEXT NOT NULL, nodes BIGINT NOT NULL, rejected BIGINT NOT NULL, reasons TEXT NOT NULL,
  sample TEXT NOT NULL, rejected_all BOOLEAN NOT NULL, moved BOOLEAN NOT NULL, moved_from TEXT NOT NULL, moved_to TEXT NOT NULL,
  cost_us FLOAT8 NOT NULL
);

-- What a plugin in shadow was asked about in a few seconds, and would have changed, as numbers of decisions. JSON are
-- `reasons` (reason -> nodes), `skipped` (why -> decisions) and `costs` (bucket of extender/record/costs.py -> decisions).
CREATE TABLE shadow_tally (
  producer TEXT NOT NULL, id BIGINT NOT NULL, seen_us BIGINT NOT NULL, at_us BIGINT NOT NULL, from_us BIGINT NOT NULL,
  profile TEXT NOT NULL, plugin TEXT NOT NULL, namespace TEXT NOT NULL, revision TEXT NOT NULL, seen BIGINT NOT NULL,
  placed BIGINT NOT NULL, rejecting BIGINT NOT NULL, rejecting_all BIGINT NOT NULL, moved BIGINT NOT NULL,
  settled BIGINT NOT NULL, failed BIGINT NOT NULL, reasons TEXT NOT NULL, skipped TEXT NOT NULL, costs TEXT NOT NULL
);

-- A policy took effect, or was refused (then `error` says why). `document` is JSON.
CREATE TABLE policy (
  producer TEXT NOT NULL, id BIGINT NOT NULL, at_us BIGINT NOT NULL, revision TEXT NOT NULL, hash TEXT NOT NULL,
  source TEXT NOT NULL, document TEXT NOT NULL, error TEXT NOT NULL
);

-- Frames that the extender had to drop, and damage found by the reader (cause "damage", count of bytes).
CREATE TABLE gap (
  producer TEXT NOT NULL, id BIGINT NOT NULL, at_us BIGINT NOT NULL, from_us BIGINT NOT NULL, to_us BIGINT NOT NULL,
  count BIGINT NOT NULL, cause TEXT NOT NULL
);

-- Records that could not be taken in, with their bytes.
CREATE TABLE quarantine (
  producer TEXT NOT NULL, id BIGINT NOT NULL, at_us BIGINT NOT NULL, error TEXT NOT NULL, body BYTEA NOT NULL
);

-- Frames read and deliberately not kept (snapshot, event: `replay` reads them from the journal), counted per batch.
CREATE TABLE skipped (producer TEXT NOT NULL, at_us BIGINT NOT NULL, kind TEXT NOT NULL, count BIGINT NOT NULL);

-- Where the reader stands, inserted in the transaction of the rows. The highest (segment, position) counts.
CREATE TABLE journal_pos (
  producer TEXT NOT NULL, segment BIGINT NOT NULL, position BIGINT NOT NULL, at_us BIGINT NOT NULL
);
