"""Decisions: what happened to a pod, attempt by attempt.

Lives here: the endpoints of the page, the story of one decision, its flowchart, the page itself (page.tsx).
Never here: SQL (store/decisions.py holds every question about decisions), HTTP.
"""
