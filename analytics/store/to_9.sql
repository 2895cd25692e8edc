-- For statistics over many decisions, which cannot unpack the details of each.
-- When the pod was created, of rows that open a decision; 0: not known (older rows, or a frame without the pod's features).
ALTER TABLE decision ADD COLUMN IF NOT EXISTS created_us BIGINT DEFAULT 0;

-- What we would have chosen, one row per call that scored: the nodes of the highest total and those of the next lower
-- one, each name between commas. `cut` is 1 where more nodes may share the highest total than the record holds, 2 where
-- that is so of the next, else 0. `plugins` are those that scored, joined by commas; `ahead` is how far the highest total lies
-- above the next.
CREATE TABLE choice (
  producer TEXT NOT NULL, id BIGINT NOT NULL, at_us BIGINT NOT NULL, decision TEXT NOT NULL, scheduler TEXT NOT NULL,
  revision TEXT NOT NULL, plugins TEXT NOT NULL, scored BIGINT NOT NULL, tied BIGINT NOT NULL, ahead BIGINT NOT NULL,
  cut BIGINT NOT NULL, best TEXT NOT NULL, second TEXT NOT NULL
);
