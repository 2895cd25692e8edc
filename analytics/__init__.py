"""The sidecar: reads the journal, keeps the store, serves every page and API. Never stands in the scheduler's way."""

__version__ = "0.1.0"
