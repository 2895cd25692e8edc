"""The trimtab command (also `kubectl trimtab`): one file per noun. Data goes to stdout, messages to stderr."""

from extender.cli.root import main

__all__ = ["main"]
