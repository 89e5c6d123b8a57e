"""The table of the audit trail: one row for one change."""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.database import Base, UtcDateTime

_BIG = BigInteger().with_variant(Integer, "sqlite")
# PostgreSQL can compare only the binary kind, which the trigger does.
_FACTS = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class AuditEntry(Base):
    """One change: who made it and how, what it did to whose thing, and why.

    Without foreign keys: who leaves takes the account along, and the entry stays. What is a
    person's own, names, the address and the reason, is covered by the hash only through a salted
    digest, so that it can be erased and the chain still holds.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(
            "ix_audit_entries_unsealed",
            "id",
            sqlite_where=text("sequence IS NULL"),
            postgresql_where=text("sequence IS NULL"),
        ),
        Index("ix_audit_entries_owner", "owner_id", "id"),
        Index("ix_audit_entries_actor", "actor_id", "id"),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[int | None]
    actor_role: Mapped[str] = mapped_column(String(20))
    through: Mapped[str] = mapped_column(String(20))
    request_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(50))
    subject_kind: Mapped[str] = mapped_column(String(30))
    subject_id: Mapped[int | None] = mapped_column(_BIG)
    owner_id: Mapped[int | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(_FACTS)
    after: Mapped[dict[str, Any] | None] = mapped_column(_FACTS)

    actor_name: Mapped[str | None] = mapped_column(Text)
    actor_address: Mapped[str | None] = mapped_column(String(64))
    actor_salt: Mapped[str | None] = mapped_column(String(64))
    actor_digest: Mapped[str] = mapped_column(String(64))
    subject_name: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    subject_salt: Mapped[str | None] = mapped_column(String(64))
    subject_digest: Mapped[str] = mapped_column(String(64))

    sequence: Mapped[int | None] = mapped_column(_BIG, unique=True)
    previous_hash: Mapped[str | None] = mapped_column(String(64))
    hash: Mapped[str | None] = mapped_column(String(64))


ENTRIES: Final = cast(Table, AuditEntry.__table__)
