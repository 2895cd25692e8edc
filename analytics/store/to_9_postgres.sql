CREATE INDEX IF NOT EXISTS choice_time ON choice (at_us);
CREATE INDEX IF NOT EXISTS choice_decision ON choice (decision);
CREATE INDEX IF NOT EXISTS decision_uid ON decision (uid);
CREATE INDEX IF NOT EXISTS outcome_time ON outcome (at_us);
CREATE INDEX IF NOT EXISTS verdict_held ON verdict (at_us) WHERE phase = 'permit';
