"""The store: what the sidecar remembers, and the only place that speaks SQL to a database driver.

`Store` owns the database (DuckDB in one file, or PostgreSQL); `decisions.py` holds every question about decisions;
`retention.py` forgets. Never here: reading the journal (ingest), HTTP (web), anything that a page looks like (views).
"""

from analytics.store.dialect import StoreBusy, StoreDamaged, StoreError, StoreRefused, StoreTimeout
from analytics.store.store import Store

__all__ = ["Store", "StoreBusy", "StoreDamaged", "StoreError", "StoreRefused", "StoreTimeout"]
