"""A simulated cluster and a stand-in kube-scheduler, for the demo, the benchmarks and tests.

What lives here: a small Kubernetes API server on loopback (store, list, watch, bind, patch), a seeded
simulation that fills it with nodes, tenants and pods, and a scheduler that calls an extender over HTTP with
the bytes that kube-scheduler would send. It runs as a process of its own: `python -m extender.lab`.

What never lives here: anything that the extender needs in a real cluster. The extender cannot tell the lab
from an API server and imports nothing of it.
"""
