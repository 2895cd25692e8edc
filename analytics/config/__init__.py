"""What an operator changes while the tools run: the keys of two ConfigMaps (R-219, R-245), and the log.

Lives here: reading keys from mounted folders and from the API server, judging them, keeping the last good of each, log
lines. Never here: what a key switches (analytics/switches.py), options of the command line.
"""
