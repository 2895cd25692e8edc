"""Where people change the policy: the one room behind the console's API, the page and the command line.

Lives here: where the text is kept (store), what was before (history), what an edit does (edits), the desk that puts
a change through in the right order, who did what (audit), the scheduler's restart, backups as one file.
Never here: HTTP served, terminals, numpy, numba, plugins, the engine. The extender itself never imports it.
"""

from extender.control.actor import Actor, Change
from extender.control.admin import ExtenderAdmin
from extender.control.audit import Audit, FileAudit, LogAudit
from extender.control.catalogue import (
    CatalogueSource,
    ExtenderCatalogue,
    FirstCatalogue,
    FixedCatalogue,
    InstalledCatalogue,
)
from extender.control.desk import Changed, Desk
from extender.control.diff import Diff
from extender.control.effective import (
    AllEffective,
    AnnotationEffective,
    EffectiveSource,
    ExtenderEffective,
    Replica,
)
from extender.control.history import ControllerRevisionHistory, FileHistory, History
from extender.control.problems import (
    Conflict,
    Detail,
    Forbidden,
    Invalid,
    NoSuchRevision,
    NotFound,
    Refused,
    TooLarge,
    Unreachable,
    Unreadable,
)
from extender.control.restart import Restarted, Restarter
from extender.control.revision import Revision
from extender.control.schedule import Schedule, ScheduledBackups
from extender.control.seals import BadKey, Seal, signer_of
from extender.control.store import ConfigMapStore, FileStore, PolicyStore, Stored
from extender.control.tenants import ClusterTenants, TenantStore

__all__ = [
    "Actor",
    "AllEffective",
    "AnnotationEffective",
    "Audit",
    "BadKey",
    "CatalogueSource",
    "Change",
    "Changed",
    "ClusterTenants",
    "ConfigMapStore",
    "Conflict",
    "ControllerRevisionHistory",
    "Desk",
    "Detail",
    "Diff",
    "EffectiveSource",
    "ExtenderAdmin",
    "ExtenderCatalogue",
    "ExtenderEffective",
    "FileAudit",
    "FileHistory",
    "FileStore",
    "FirstCatalogue",
    "FixedCatalogue",
    "Forbidden",
    "History",
    "InstalledCatalogue",
    "Invalid",
    "LogAudit",
    "NoSuchRevision",
    "NotFound",
    "PolicyStore",
    "Refused",
    "Replica",
    "Restarted",
    "Restarter",
    "Revision",
    "Schedule",
    "ScheduledBackups",
    "Seal",
    "Stored",
    "TenantStore",
    "TooLarge",
    "Unreachable",
    "Unreadable",
    "signer_of",
]
