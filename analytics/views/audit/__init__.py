"""The page of the audit analyzer: what happened around scheduling, and what of it is suspicious.

Lives here: its questions, its worker, its answers, the page. Never here: rules, reading of logs, SQL.
"""
