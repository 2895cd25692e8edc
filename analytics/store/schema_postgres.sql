-- What PostgreSQL needs beside schema.sql. DuckDB scans a million rows in milliseconds and takes no index.
CREATE UNIQUE INDEX decision_frame ON decision (producer, id);
CREATE INDEX decision_name ON decision (decision);
CREATE INDEX decision_time ON decision (at_us, producer, id);
CREATE INDEX decision_seen ON decision (seen_us);
CREATE INDEX verdict_decision ON verdict (decision);
CREATE INDEX rejection_decision ON rejection (decision);
CREATE INDEX rejection_time ON rejection (at_us);
CREATE INDEX detail_decision ON detail (decision);
CREATE INDEX detail_time ON detail (at_us);
CREATE INDEX outcome_decision ON outcome (decision);
CREATE INDEX outcome_seen ON outcome (seen_us);
CREATE INDEX eviction_time ON eviction (at_us, producer, id);
CREATE INDEX eviction_seen ON eviction (seen_us);
CREATE INDEX eviction_decision ON eviction (decision);
CREATE INDEX eviction_pod ON eviction (namespace, pod);
CREATE INDEX shadow_time ON shadow (at_us);
CREATE INDEX shadow_tally_time ON shadow_tally (at_us);
CREATE UNIQUE INDEX journal_pos_place ON journal_pos (producer, segment, position);
