"""HTTP, and nothing but HTTP: the scheduler verbs, the admin pages, and how both are served.

Lives here: bytes in, bytes out for the four verbs, what goes wrong on the wire, health, draining, TLS options.
Never here: decisions, plugins, cluster state beyond what is handed in, and no building of other rooms (main does).
"""
