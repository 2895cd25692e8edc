"""Coscheduling: a group of pods is placed together or not at all."""

from extender.plugins.coscheduling.plugin import PLUGIN as PLUGIN
