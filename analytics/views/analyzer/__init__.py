"""The scheduler analyzer: how well the scheduler works, what keeps it from working better, and what to do.

Lives here: the analysis itself (analyzer.py, callable without a server), its score, findings and health checks, the
endpoints, the worker that keeps the gauges fresh, and the page. Never here: SQL (store/analysis.py), HTTP of ours.
"""
