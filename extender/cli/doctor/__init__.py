"""trimtab doctor: the whole chain, link by link. One file per subject; each check is a function of what was found.

Never here: anything that changes the cluster or the policy.
"""

from extender.cli.doctor.command import doctor

__all__ = ["doctor"]
