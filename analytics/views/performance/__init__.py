"""The performance analyzer: how scheduling develops, what is out of the ordinary, since which policy, and what comes
next.

Lives here: the analysis (analyzer.py, callable without a server) of series (measures.py) out of the store's roll-ups,
what it recommends, the look at kube-scheduler's own metrics (scrape.py), the worker that collects, and the page. Never
here: SQL (store/performance.py), arithmetic on series (analytics/trends).
"""
