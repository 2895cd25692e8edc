-- What PostgreSQL needs for statistics beside to_10.sql: which pods were tried again is asked of a stretch of time.
CREATE INDEX IF NOT EXISTS decision_key_time ON decision_key (at_us);
