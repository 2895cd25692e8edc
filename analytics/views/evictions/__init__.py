"""Evictions: who was made to leave, for whom, by which plugin and why; and who was not.

Lives here: the endpoints of the page and the page itself (page.tsx). Never here: SQL (store/evictions.py), HTTP.
"""
