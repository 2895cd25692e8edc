"""The audit log of API servers -> the store, each event once: files that are rotated, and batches of a webhook.

Lives here: following files, telling duplicates, running the rules over what comes, one transaction
with the position. Never here: reading an event, the rules themselves (analytics/audit), SQL, HTTP.
"""

from analytics.ingest.audit.check import validate_config
from analytics.ingest.audit.intake import Busy, Intake, intake_of
from analytics.ingest.audit.rulebook import RuleBook

__all__ = ["Busy", "Intake", "RuleBook", "intake_of", "validate_config"]
