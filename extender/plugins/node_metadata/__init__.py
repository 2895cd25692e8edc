"""Nodes ranked by what somebody wrote on them. Never here: writing it."""

from extender.plugins.node_metadata.plugin import PLUGIN

__all__ = ["PLUGIN"]
