-- The heatmap's: each node once a minute, later once in a quarter of an hour. Amounts in millicores and bytes; used is -1
-- where it was not measured.
CREATE TABLE node_sample (
  at_us BIGINT NOT NULL, node TEXT NOT NULL, ready BOOLEAN NOT NULL, schedulable BOOLEAN NOT NULL,
  cpu_allocatable BIGINT NOT NULL, cpu_requested BIGINT NOT NULL, cpu_used BIGINT NOT NULL,
  memory_allocatable BIGINT NOT NULL, memory_requested BIGINT NOT NULL, memory_used BIGINT NOT NULL,
  pods_allocatable BIGINT NOT NULL, pods BIGINT NOT NULL
);
