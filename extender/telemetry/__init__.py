"""Metrics and logs of the extender. Every metric stands in metrics.py; nothing here knows another room."""
