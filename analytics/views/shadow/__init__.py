"""Shadow: what plugins that are only watched would have changed, in numbers, in words and by example.

Lives here: the endpoint of the shadow report and its sentences. Never here: SQL (store/shadow.py), HTTP.
"""
