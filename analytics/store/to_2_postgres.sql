-- What PostgreSQL needs beside to_2.sql.
CREATE INDEX eviction_time ON eviction (at_us, producer, id);
CREATE INDEX eviction_seen ON eviction (seen_us);
CREATE INDEX eviction_decision ON eviction (decision);
CREATE INDEX eviction_pod ON eviction (namespace, pod);
