"""The table of limits: one row for one use of something that is limited."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.database import Base, UtcDateTime


class LimitUse(Base):
    """One use: what was done, when, by which account and from where, as far as it matters."""

    __tablename__ = "limit_uses"
    __table_args__ = (
        Index("ix_limit_uses_account", "action", "account", "used_at"),
        Index("ix_limit_uses_address", "action", "address", "used_at"),
        Index("ix_limit_uses_network", "action", "network", "used_at"),
        Index("ix_limit_uses_action", "action", "used_at"),
        Index("ix_limit_uses_used_at", "used_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    action: Mapped[str] = mapped_column(String(30))
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # A hash: people type their password into the field for their name.
    account: Mapped[str | None] = mapped_column(String(64))
    browser: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(64))
    network: Mapped[str | None] = mapped_column(String(64))
