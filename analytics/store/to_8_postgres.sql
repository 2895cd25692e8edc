-- What PostgreSQL needs beside to_8.sql.
CREATE INDEX minute_latency_time ON minute_latency (kind, at_us);
CREATE INDEX minute_latency_seen ON minute_latency (seen_us);
CREATE INDEX minute_count_time ON minute_count (kind, at_us);
CREATE INDEX minute_count_seen ON minute_count (seen_us);
CREATE INDEX sample_time ON sample (name, at_us);
