"""Placing where the power draw grows least. Never here: fetching measurements, or power meters."""

from extender.plugins.peaks.plugin import PLUGIN

__all__ = ["PLUGIN"]
