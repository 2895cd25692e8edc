CREATE INDEX tenant_sample_time ON tenant_sample (at_us);
CREATE INDEX tenant_violation_time ON tenant_violation (at_us);
