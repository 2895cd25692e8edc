"""Pods with like system-call profiles side by side. Never here: making or enforcing profiles."""

from extender.plugins.sy_sched.plugin import PLUGIN

__all__ = ["PLUGIN"]
