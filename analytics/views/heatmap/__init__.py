"""The heatmap: how full each node is, what still fits, and where room is lost (R-141 to R-150).

Lives here: the numbers (figures.py, fragmentation.py), the endpoints and the worker (view.py), the page.
Never here: the watch (analytics/cluster), SQL (store/node_samples.py), HTTP.
"""
