"""Loops that act on the cluster beside the scheduler's calls: waking, releasing gates, reclaiming, rescheduling.

Lives here: when to act, and the API calls that do it; one file per loop, all listed in table.py. Never here: what a
plugin decides (plugins), how pods are evicted (eviction), an answer to the scheduler (server).
"""
