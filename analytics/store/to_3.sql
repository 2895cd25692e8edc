-- From schema 2 to 3.
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
