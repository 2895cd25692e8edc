"""trimtab plugin: what is installed, what it reads, and where it is on."""

from extender.cli.plugin.command import plugin

__all__ = ["plugin"]
