-- What PostgreSQL needs beside to_3.sql.
CREATE INDEX shadow_time ON shadow (at_us);
CREATE INDEX shadow_tally_time ON shadow_tally (at_us);
