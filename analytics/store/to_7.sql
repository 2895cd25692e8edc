-- The tenant manager's: what each tenant used once a minute, one row for each resource that its quota lists; and when a
-- tenant went over its limit (opened) and came back (closed).
CREATE TABLE tenant_sample (
  at_us BIGINT NOT NULL, tenant TEXT NOT NULL, resource TEXT NOT NULL, used BIGINT NOT NULL, quota BIGINT NOT NULL,
  most BIGINT NOT NULL
);
CREATE TABLE tenant_violation (
  at_us BIGINT NOT NULL, tenant TEXT NOT NULL, resource TEXT NOT NULL, change TEXT NOT NULL, used BIGINT NOT NULL,
  quota BIGINT NOT NULL, most BIGINT NOT NULL, newest_pod TEXT NOT NULL
);
