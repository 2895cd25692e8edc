"""The extender: answers kube-scheduler. Importing this costs nothing."""

__version__ = "0.1.0"
