"""What is counted of the watch."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

WATCH_EVENTS = Counter(
    "trimtab_console_watch_events_total", "Events read from the API server, by kind.", ["kind"], registry=None
)
WATCH_RESTARTS = Counter(
    "trimtab_console_watch_restarts_total", "Watches that had to be begun again after trouble.", ["kind"], registry=None
)
OBJECTS_REFUSED = Counter(
    "trimtab_console_objects_refused_total", "Objects that could not be read and are left out.", ["kind"], registry=None
)
USAGE_FAILURES = Counter(
    "trimtab_console_usage_failures_total", "Questions for what nodes use that were not answered.", registry=None
)
USAGE_NODES = Gauge("trimtab_console_usage_nodes", "Nodes of which it is known what they use.", registry=None)
COLLECTORS = (WATCH_EVENTS, WATCH_RESTARTS, OBJECTS_REFUSED, USAGE_FAILURES, USAGE_NODES)
