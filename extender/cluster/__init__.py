"""What we believe about the cluster: feeds turn its objects into events, one writer applies them to columns and tables.

Never here: what a plugin makes of it, promises not yet bound (ledger), HTTP to the scheduler.
"""
