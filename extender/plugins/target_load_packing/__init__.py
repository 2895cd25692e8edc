"""Packing up to a measured utilisation. Never here: fetching the measurements."""

from extender.plugins.target_load_packing.plugin import PLUGIN

__all__ = ["PLUGIN"]
