"""Spreading by average load plus its deviation. Never here: fetching the measurements."""

from extender.plugins.load_variation_risk_balancing.plugin import PLUGIN

__all__ = ["PLUGIN"]
