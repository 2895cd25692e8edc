from extender.plugins.target_load_packing.plugin import PLUGIN

__all__ = ["PLUGIN"]
