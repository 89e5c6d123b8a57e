"""All tables of the record, for migrations."""

from sketchmaker.record.outbox_tables import OutboxRoute, OutboxRow

__all__ = ["OutboxRoute", "OutboxRow"]
