"""Runs a profile: cycles, attempts, explain. Values in, values out: no bytes, no HTTP, no disk."""
