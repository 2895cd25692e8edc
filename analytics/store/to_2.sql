-- From schema 1 to 2.
-- What was done to one victim: evicted by us, or not and why. `decision` and by_...: who needed the room, if anybody.
CREATE TABLE eviction (
  producer TEXT NOT NULL, id BIGINT NOT NULL, seen_us BIGINT NOT NULL, at_us BIGINT NOT NULL, plugin TEXT NOT NULL,
  why TEXT NOT NULL, reason TEXT NOT NULL, namespace TEXT NOT NULL, pod TEXT NOT NULL, uid TEXT NOT NULL,
  owner TEXT NOT NULL, priority BIGINT NOT NULL, node TEXT NOT NULL, result TEXT NOT NULL, message TEXT NOT NULL,
  decision TEXT NOT NULL, by_namespace TEXT NOT NULL, by_pod TEXT NOT NULL, by_uid TEXT NOT NULL
);
