"""Pending pods: each with the cause of its waiting.

Lives here: the endpoint of the page and the page itself (page.tsx). Never here: causes (analytics/why), SQL, HTTP.
"""
