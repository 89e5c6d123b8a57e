"""The table of grants."""

from datetime import datetime
from typing import Final, cast

from sqlalchemy import CheckConstraint, Index, String, Table, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.database import Base, UtcDateTime

# SQLite would give the number of a deleted last row to the next one, and its history with it.
NEVER_REUSE_IDS = {"sqlite_autoincrement": True}


class CreditGrant(Base):
    """Bonus credits of a user. They survive resets and changes of plan, until they expire."""

    __tablename__ = "credit_grants"
    __table_args__ = (
        CheckConstraint("credits_granted > 0", name="granted_positive"),
        CheckConstraint("credits_remaining >= 0", name="remaining_not_negative"),
        CheckConstraint("credits_held >= 0", name="held_not_negative"),
        CheckConstraint("credits_used >= 0", name="used_not_negative"),
        CheckConstraint("credits_expired >= 0", name="expired_not_negative"),
        CheckConstraint("credits_voided >= 0", name="voided_not_negative"),
        CheckConstraint(
            "credits_remaining + credits_held + credits_used + credits_expired + credits_voided "
            "= credits_granted",
            name="books_close",
        ),
        # What is held when a grant is voided, and comes back, is voided as well.
        CheckConstraint(
            "CASE WHEN voided_at IS NULL THEN credits_voided ELSE credits_remaining END = 0",
            name="voided_has_none_left",
        ),
        CheckConstraint(
            "kind IN ('admin', 'promotion', 'correction', 'refund')", name="kind_known"
        ),
        Index(
            "ix_credit_grants_alive",
            "user_id",
            "expires_at",
            sqlite_where=text("credits_remaining > 0"),
            postgresql_where=text("credits_remaining > 0"),
        ),
        Index(
            "ix_credit_grants_expiry",
            "expires_at",
            sqlite_where=text("credits_remaining > 0"),
            postgresql_where=text("credits_remaining > 0"),
        ),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(20))
    credits_granted: Mapped[int]
    credits_remaining: Mapped[int]
    credits_held: Mapped[int] = mapped_column(default=0)
    credits_used: Mapped[int] = mapped_column(default=0)
    credits_expired: Mapped[int] = mapped_column(default=0)
    credits_voided: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    reason: Mapped[str] = mapped_column(Text)
    granted_by_id: Mapped[int | None]
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


GRANTS: Final = cast(Table, CreditGrant.__table__)
