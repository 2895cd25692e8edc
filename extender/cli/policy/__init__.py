"""trimtab policy: the document, its history, and what is in effect."""

from extender.cli.policy.command import policy

__all__ = ["policy"]
