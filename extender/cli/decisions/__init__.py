"""trimtab decisions: what was decided about which pod, as the console tells it."""

from extender.cli.decisions.command import decisions

__all__ = ["decisions"]
