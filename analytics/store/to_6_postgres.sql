-- What PostgreSQL needs beside to_6.sql.
CREATE INDEX audit_event_id ON audit_event (id);
CREATE INDEX audit_event_time ON audit_event (at_us, id);
CREATE INDEX audit_event_uid ON audit_event (uid);
CREATE INDEX finding_time ON finding (at_us, id);
CREATE INDEX finding_id ON finding (id);
CREATE INDEX finding_state_finding ON finding_state (finding, at_us);
CREATE INDEX audit_pos_file ON audit_pos (source, file, position);
