"""What is promised but not yet visible in the cluster: leases, keyed by pod UID.

Knows no plugin, no engine and no clock.
"""
