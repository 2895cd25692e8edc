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

-- Where to look for a pod or a decision: when decisions opened, beside 32 bits of MD5 of the pod's UID and of the decision's
-- id. Ten million rows are scanned in milliseconds, which ten million texts are not. Store.write keeps it.
CREATE TABLE decision_key (at_us BIGINT NOT NULL, uid_key INTEGER NOT NULL, id_key INTEGER NOT NULL);

-- Sums over decisions that opened (calls, rejections and ends that were) in one hour, made some time after it: `kind` is
-- whole (a mark: the hour is summed; `amount` is up to which seen_us), outcome (`number`: rank), latency (`name`: verb,
-- `number`: class of duration, `spent`: microseconds), rejection (`name`: plugin, `reason`; `amount`: nodes, `decisions`)
-- or node (`name`). An hour that something comes into later is summed again.
CREATE TABLE decision_hour (
  at_us BIGINT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, reason TEXT NOT NULL, number BIGINT NOT NULL,
  amount BIGINT NOT NULL, decisions BIGINT NOT NULL, spent FLOAT8 NOT NULL
);
