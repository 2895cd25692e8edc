-- From schema 5 to 6: the audit analyzer's.
-- What concerns scheduling in an API server's audit log, one row per request (`id` is its auditID). JSON are
-- `actor_groups` (list) and `notes` (annotations). `wait_us`: from the pod's creation to this binding, -1 unknown.
-- `body`: what was sent, JSON compressed as zstd, of selected events only; else empty.
CREATE TABLE audit_event (
  id TEXT NOT NULL, stage TEXT NOT NULL, seen_us BIGINT NOT NULL, at_us BIGINT NOT NULL, received_us BIGINT NOT NULL,
  source TEXT NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL, verb TEXT NOT NULL, actor TEXT NOT NULL,
  actor_groups TEXT NOT NULL, impersonated TEXT NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL,
  api_group TEXT NOT NULL, resource TEXT NOT NULL, subresource TEXT NOT NULL, namespace TEXT NOT NULL,
  name TEXT NOT NULL, uid TEXT NOT NULL, node TEXT NOT NULL, code BIGINT NOT NULL, uri TEXT NOT NULL,
  wait_us BIGINT NOT NULL, notes TEXT NOT NULL, body BYTEA NOT NULL
);

-- What a rule found. JSON are `event_ids` and `attack` (lists). `same` is equal for what is one and the same finding.
CREATE TABLE finding (
  id TEXT NOT NULL, seen_us BIGINT NOT NULL, at_us BIGINT NOT NULL, rule TEXT NOT NULL, title TEXT NOT NULL,
  severity TEXT NOT NULL, actor TEXT NOT NULL, object TEXT NOT NULL, description TEXT NOT NULL,
  event_ids TEXT NOT NULL, attack TEXT NOT NULL, fix TEXT NOT NULL, same TEXT NOT NULL
);

-- What people said about a finding; the newest row of a finding counts. `state` is open, acknowledged or suppressed;
-- `until_us` 0: for good. `similar_too`: findings of this rule about this actor are suppressed with it, also later ones.
CREATE TABLE finding_state (
  finding TEXT NOT NULL, at_us BIGINT NOT NULL, state TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
  until_us BIGINT NOT NULL, similar_too BOOLEAN NOT NULL, rule TEXT NOT NULL, actor TEXT NOT NULL
);

-- How far an audit log has been read, inserted in the transaction of the rows. `file` is device:inode:hash of its first
-- line; the highest position of a file counts.
CREATE TABLE audit_pos (
  source TEXT NOT NULL, file TEXT NOT NULL, position BIGINT NOT NULL, at_us BIGINT NOT NULL
);
