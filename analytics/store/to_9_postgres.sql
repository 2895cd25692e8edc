CREATE INDEX IF NOT EXISTS choice_time ON choice (at_us);
CREATE INDEX IF NOT EXISTS choice_decision ON choice (decision);
CREATE INDEX IF NOT EXISTS decision_uid ON decision (uid);
CREATE INDEX IF NOT EXISTS outcome_time ON outcome (at_us);
CREATE INDEX IF NOT EXISTS verdict_held ON verdict (at_us) WHERE phase = 'permit';
INSERT INTO decision_key SELECT at_us, ('x' || substr(md5(uid), 1, 8))::bit(32)::bigint - 2147483648,
  ('x' || substr(md5(decision), 1, 8))::bit(32)::bigint - 2147483648 FROM decision WHERE opens;
CREATE INDEX IF NOT EXISTS decision_key_uid ON decision_key (uid_key);
CREATE INDEX IF NOT EXISTS decision_key_id ON decision_key (id_key);
CREATE INDEX IF NOT EXISTS decision_hour_time ON decision_hour (at_us);
