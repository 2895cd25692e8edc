from extender.plugins.pod_state.plugin import PLUGIN

__all__ = ["PLUGIN"]
