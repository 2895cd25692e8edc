-- From schema 7 to 8: the performance analyzer's roll-ups, which outlive the decisions that they were made of. `at_us` is
-- the begin of a minute. Each batch adds rows; `seen_us` is that of the batch, and 0 of rows that have been merged.
-- How long things took, in log buckets (analytics/trends/sketch.py, of microseconds). `kind` pod: from a pod's first
-- attempt to its being bound, `name` empty. verb: one call, without waiting in permit. plugin: `name` is plugin/phase.
CREATE TABLE minute_latency (
  at_us BIGINT NOT NULL, seen_us BIGINT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, scheduler TEXT NOT NULL,
  bucket BIGINT NOT NULL, n BIGINT NOT NULL, total_us FLOAT8 NOT NULL
);

-- Things counted. `kind` outcome: decisions by their first known end. fault: errors of plugins, `name` is plugin/phase.
CREATE TABLE minute_count (
  at_us BIGINT NOT NULL, seen_us BIGINT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, scheduler TEXT NOT NULL,
  n BIGINT NOT NULL
);

-- What others say, once a minute. `source` is kube-scheduler or cluster, `labels` JSON. Counters are stored as what came
-- to them since the sample before; histograms as that for each bucket alone, whose upper bound is `upper` (else 0).
CREATE TABLE sample (
  at_us BIGINT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL, labels TEXT NOT NULL, upper FLOAT8 NOT NULL,
  value FLOAT8 NOT NULL
);

INSERT INTO minute_latency
SELECT c.at_us - c.at_us % 60000000, 0, 'verb', c.verb, c.scheduler,
  CASE WHEN c.us > 0 THEN CAST(ceil(ln(c.us) / 0.040005334613699206) AS BIGINT) + 20000 ELSE 0 END, count(*), sum(c.us)
FROM (
  SELECT d.at_us, d.verb, d.scheduler, greatest(0.0, d.duration_us - coalesce(h.held_us, 0.0)) AS us
  FROM decision d LEFT JOIN (
    SELECT v.producer, v.id, sum(v.duration_us) AS held_us FROM verdict v WHERE v.phase = 'permit'
    GROUP BY v.producer, v.id
  ) h ON h.producer = d.producer AND h.id = d.id
  WHERE d.verb <> 'permit'
) c GROUP BY 1, 4, 5, 6;

INSERT INTO minute_latency
SELECT c.at_us - c.at_us % 60000000, 0, 'plugin', c.name, c.scheduler,
  CASE WHEN c.us > 0 THEN CAST(ceil(ln(c.us) / 0.040005334613699206) AS BIGINT) + 20000 ELSE 0 END, count(*), sum(c.us)
FROM (
  SELECT v.at_us, v.plugin || '/' || v.phase AS name, d.scheduler, v.duration_us AS us
  FROM verdict v JOIN decision d ON d.producer = v.producer AND d.id = v.id WHERE v.phase <> 'permit'
) c GROUP BY 1, 4, 5, 6;

INSERT INTO minute_count
SELECT v.at_us - v.at_us % 60000000, 0, 'fault', v.plugin || '/' || v.phase, d.scheduler, count(*)
FROM verdict v JOIN decision d ON d.producer = v.producer AND d.id = v.id WHERE v.code = 'Error' GROUP BY 1, 4, 5;

INSERT INTO minute_count
SELECT e.at_us - e.at_us % 60000000, 0, 'outcome',
  CASE e.rank WHEN 3 THEN 'scheduled' WHEN 2 THEN 'error' ELSE 'unschedulable' END, d.scheduler, count(*)
FROM (
  SELECT o.decision, o.rank, min(o.at_us) AS at_us FROM outcome o
  JOIN (SELECT decision, max(rank) AS rank FROM outcome WHERE rank > 0 GROUP BY decision) m
    ON m.decision = o.decision AND m.rank = o.rank
  GROUP BY o.decision, o.rank
) e JOIN decision d ON d.decision = e.decision AND d.opens GROUP BY 1, 4, 5;

INSERT INTO minute_latency
SELECT c.at_us - c.at_us % 60000000, 0, 'pod', '', c.scheduler,
  CASE WHEN c.us > 0 THEN CAST(ceil(ln(c.us) / 0.040005334613699206) AS BIGINT) + 20000 ELSE 0 END, count(*), sum(c.us)
FROM (
  SELECT b.at_us, d.scheduler,
    greatest(0.0, greatest(CAST(b.at_us AS FLOAT8), coalesce(s.done_us, 0.0)) - f.at_us) AS us
  FROM (SELECT decision, min(at_us) AS at_us FROM outcome WHERE rank = 3 GROUP BY decision) b
  JOIN decision d ON d.decision = b.decision AND d.opens
  JOIN (SELECT uid, min(at_us) AS at_us FROM decision WHERE opens GROUP BY uid) f ON f.uid = d.uid
  LEFT JOIN (
    SELECT decision, max(at_us + duration_us) AS done_us FROM decision WHERE verb = 'bind' GROUP BY decision
  ) s ON s.decision = b.decision
) c GROUP BY 1, 5, 6;
