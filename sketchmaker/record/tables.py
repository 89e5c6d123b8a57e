"""All tables of the record, for migrations."""

from sketchmaker.record.audit_tables import AuditEntry
from sketchmaker.record.outbox_tables import OutboxRoute, OutboxRow

__all__ = ["AuditEntry", "OutboxRoute", "OutboxRow"]
