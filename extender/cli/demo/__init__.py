"""`trimtab demo`: three child processes (lab, extender, sidecar), a policy file to edit, and a screen of figures.

Lives here: choosing ports, starting and ending the children, asking them for figures, drawing. Never: anything
about scheduling; the children are the same programs that run in a cluster.
"""

from extender.cli.demo.command import demo

__all__ = ["demo"]
