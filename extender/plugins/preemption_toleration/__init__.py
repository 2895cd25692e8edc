"""Priority classes that protect their pods from preemption, for a while or from the less important."""

from extender.plugins.preemption_toleration.plugin import PLUGIN

__all__ = ["PLUGIN"]
