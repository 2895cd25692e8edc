"""Audit logs that are made: ordinary days of a cluster, and attacks in them that are labelled.

Lives here: what an API server would have written, from a seed. Never here: rules, or anything that rules are asked.
"""
