"""Avoiding nodes that promise more than they have. Never here: fetching the measurements."""

from extender.plugins.low_risk_over_commitment.plugin import PLUGIN

__all__ = ["PLUGIN"]
