"""The engine's tables. Published names are the setup guide's; the rest is ours.

`user_subscriptions` is the truth about a balance and its schedule, `usage_history` the ledger that
explains it, `credit_holds` what is set aside for work under way. Accounts are numbers here; that
they are those of our own is said by `membership.tables`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    literal_column,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sketchmaker.credits.rules import cycle as cycles
from sketchmaker.credits.rules.actions import RESET_ACTION
from sketchmaker.credits.tables import (  # noqa: F401 - on the same metadata, for migrations
    plan_versions,
    side,
)
from sketchmaker.credits.tables.grants import GRANTS, NEVER_REUSE_IDS, CreditGrant
from sketchmaker.credits.tables.plans import PLANS, SubscriptionPlanModel
from sketchmaker.database import Base, UtcDateTime

__all__ = [
    "GRANTS",
    "HOLDS",
    "IS_ACTIVE",
    "IS_PENDING",
    "LEDGER",
    "NEVER_REUSE_IDS",
    "PLANS",
    "SUBSCRIPTIONS",
    "CreditGrant",
    "CreditHold",
    "HoldState",
    "LongId",
    "SubscriptionPlanModel",
    "UsageHistory",
    "UserSubscription",
]

# Ledgers outgrow 2**31 rows first of all; SQLite numbers only plain INTEGER keys by itself.
LongId = BigInteger().with_variant(Integer, "sqlite")


_UNTOUCHED = (
    "cycle_allowance - credits_revoked - (credits_held - bonus_held) "
    "- (credits_used_this_month - bonus_used)"
)


class HoldState(StrEnum):
    """A hold is pending until it ends, once, in one of three ways."""

    PENDING = "pending"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"


class UserSubscription(Base):
    """One user on one plan: the balance of the present cycle, and when the next one begins.

    `subscription_start` is the anchor of all cycles; only an explicit restart moves it, and then
    `anchor_cycle` says which cycle begins there. `next_credit_reset` is the schedule itself; the
    jobs that APScheduler shows are a view of it.

    `credits_remaining`, `credits_held` and `credits_used_this_month` count the allowance and the
    bonus together, as a person does; the `bonus_` columns say how much of each is bonus.
    """

    __tablename__ = "user_subscriptions"
    __table_args__ = (
        CheckConstraint("cycle_allowance >= 0", name="allowance_not_negative"),
        CheckConstraint("credits_revoked >= 0", name="revoked_not_negative"),
        CheckConstraint("bonus_remaining >= 0", name="bonus_remaining_not_negative"),
        CheckConstraint("bonus_held >= 0", name="bonus_held_not_negative"),
        CheckConstraint("bonus_used >= 0", name="bonus_used_not_negative"),
        CheckConstraint("credits_remaining >= bonus_remaining", name="remaining_covers_bonus"),
        CheckConstraint("credits_held >= bonus_held", name="held_covers_bonus"),
        CheckConstraint("credits_used_this_month >= bonus_used", name="used_covers_bonus"),
        CheckConstraint(
            f"credits_remaining - bonus_remaining = CASE WHEN {_UNTOUCHED} > 0 "
            f"THEN {_UNTOUCHED} ELSE 0 END",
            name="books_close",
        ),
        CheckConstraint("cycle >= anchor_cycle", name="cycle_since_anchor"),
        CheckConstraint("anchor_cycle >= 0", name="anchor_cycle_not_negative"),
        CheckConstraint("next_credit_reset > last_credit_reset", name="next_reset_after_last"),
        # A user has one active subscription, however many requests raced to make one.
        Index(
            "uq_user_subscriptions_active_user",
            "user_id",
            unique=True,
            sqlite_where=text("is_active IS 1"),
            postgresql_where=text("is_active IS true"),
        ),
        # The schedule: the next due subscription is the first entry, at any number of rows.
        Index(
            "ix_user_subscriptions_due",
            "next_credit_reset",
            "id",
            sqlite_where=text("is_active IS 1"),
            postgresql_where=text("is_active IS true"),
        ),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey(SubscriptionPlanModel.id), index=True)
    # The number of the plan's version that is held: 1 also for a plan that was never edited.
    plan_version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    next_plan_id: Mapped[int | None] = mapped_column(ForeignKey(SubscriptionPlanModel.id))
    credits_remaining: Mapped[int]
    credits_held: Mapped[int] = mapped_column(default=0)
    credits_used_this_month: Mapped[int] = mapped_column(default=0)
    credits_revoked: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    cycle_allowance: Mapped[int]
    bonus_remaining: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    bonus_held: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    bonus_used: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    # The first expiry among the grants that have credits left: what the guard of a spend looks at.
    bonus_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cycle: Mapped[int] = mapped_column(default=0)
    anchor_cycle: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    subscription_start: Mapped[datetime] = mapped_column(UtcDateTime)
    last_credit_reset: Mapped[datetime] = mapped_column(UtcDateTime)
    next_credit_reset: Mapped[datetime] = mapped_column(UtcDateTime)
    subscription_end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_active: Mapped[bool] = mapped_column(default=True)
    assigned_by_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    plan: Mapped[SubscriptionPlanModel] = relationship(foreign_keys=[plan_id])

    def get_next_reset_date(self, after: datetime | None = None) -> datetime:
        """The first reset later than `after`, or else the one that is scheduled; in UTC."""
        if after is None:
            return self.next_credit_reset
        return cycles.next_reset_after(self.subscription_start, after, self.time_zone)


class CreditHold(Base):
    """Credits set aside for work under way. It belongs to the cycle it was placed in."""

    __tablename__ = "credit_holds"
    __table_args__ = (
        CheckConstraint("credits_held > 0", name="held_positive"),
        CheckConstraint("credits_settled >= 0", name="settled_not_negative"),
        CheckConstraint("credits_settled <= credits_held", name="settled_within_held"),
        CheckConstraint(
            "state IN ('pending', 'settled', 'released', 'expired')", name="state_known"
        ),
        CheckConstraint("(state = 'pending') = (ended_at IS NULL)", name="ended_once"),
        Index(
            "ix_credit_holds_pending",
            "expires_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        # What a spend, a page or a verb asks first: has this user a hold that is over?
        Index(
            "ix_credit_holds_pending_of_user",
            "user_id",
            "expires_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_credit_holds_subscription_cycle", "subscription_id", "cycle"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    user_id: Mapped[int] = mapped_column(index=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey(UserSubscription.id))
    cycle: Mapped[int]
    action: Mapped[str] = mapped_column(String(50))
    credits_held: Mapped[int]
    credits_settled: Mapped[int] = mapped_column(default=0)
    # The sources in burn order, `[[grant id or null, credits], ...]`; null: all of the allowance.
    parts: Mapped[list[list[int | None]] | None] = mapped_column(JSON(none_as_null=True))
    state: Mapped[str] = mapped_column(String(10), default=HoldState.PENDING)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UsageHistory(Base):
    """The ledger: one row for every change of a balance, never edited.

    Only when a person leaves are words erased from it, see `erasure`; amounts never change.

    `bonus_delta` is the part of `credits_delta` that changed grants. A refund names the row of the
    spend that it gives back, and uses less than nothing: so sums of `credits_used` are net of it.

    `credits_delta` is the signed change, `credits_used` what was spent by it, `balance_after` what
    was available then: whole credits, all three. The column `metadata` holds the facts that
    explain the row, and apart from them its caller's words, see `ledger`; SQLAlchemy keeps that
    name to itself, hence the attribute `details`.
    """

    __tablename__ = "usage_history"
    __table_args__ = (
        CheckConstraint("(credits_used < 0) = (refund_of_id IS NOT NULL)", name="used_or_refunded"),
        CheckConstraint(
            "(refund_of_id IS NULL) = (refunded_before IS NULL)", name="refunds_are_counted"
        ),
        CheckConstraint("balance_after >= 0", name="balance_not_negative"),
        # Two refunds of one spend that knew of the same refunds before them: one is too much.
        Index(
            "uq_usage_history_refund",
            "refund_of_id",
            "refunded_before",
            unique=True,
            sqlite_where=text("refund_of_id IS NOT NULL"),
            postgresql_where=text("refund_of_id IS NOT NULL"),
        ),
        # Exactly one reset a boundary, whoever races to write it.
        Index(
            "uq_usage_history_reset",
            "subscription_id",
            "cycle",
            unique=True,
            sqlite_where=text(f"action = '{RESET_ACTION}'"),
            postgresql_where=text(f"action = '{RESET_ACTION}'"),
        ),
        Index("ix_usage_history_user_created", "user_id", "created_at", "id"),
        Index("ix_usage_history_subscription_cycle", "subscription_id", "cycle"),
        Index("ix_usage_history_created", "created_at"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    user_id: Mapped[int]
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey(UserSubscription.id))
    # A hold ends in one ledger row at the most: a second settlement breaks on this.
    hold_id: Mapped[int | None] = mapped_column(ForeignKey(CreditHold.id), unique=True)
    refund_of_id: Mapped[int | None] = mapped_column(ForeignKey("usage_history.id"))
    refunded_before: Mapped[int | None]
    action: Mapped[str] = mapped_column(String(50))
    credits_used: Mapped[int]
    credits_delta: Mapped[int]
    bonus_delta: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    balance_after: Mapped[int]
    cycle: Mapped[int]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


IS_ACTIVE = UserSubscription.is_active.is_(true())
IS_PENDING = CreditHold.state == literal_column("'pending'")
"""Both are rendered as constants: SQLite uses no partial index whose condition is a parameter."""

SUBSCRIPTIONS: Final = cast(Table, UserSubscription.__table__)
HOLDS: Final = cast(Table, CreditHold.__table__)
LEDGER: Final = cast(Table, UsageHistory.__table__)
