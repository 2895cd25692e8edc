"""Changing the policy over HTTP: the calls, who may make them, and how often.

Lives here: calls as declarations (path, right, body, answer), callers and their rights, limits, masks.
Never here: HTTP (that is `web`), and how a change is made (that is `extender.control`).
"""
