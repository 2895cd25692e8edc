"""Tenants: quota against use, bursting, violations, fairness (R-104 to R-117).

Lives here: the endpoints, the worker, the page. Never here: the register and the checks (analytics/tenants), SQL, HTTP.
"""
