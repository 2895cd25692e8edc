"""Overview: what the cluster, the policy and the tenants are doing, each in a sentence and a few figures.

Lives here: the page, a file for each card. Never here: an endpoint, SQL; the cards ask the APIs of the tools.
"""
