"""What plans gave since when, to whom; and what one person is given besides.

A plan that was never edited has no version: its own columns are what it gives.
"""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.credits.rules.amounts import MAX_CREDITS
from sketchmaker.credits.rules.features import Features, features_from
from sketchmaker.credits.tables.plans import SubscriptionPlanModel
from sketchmaker.database import Base, UtcDateTime


class PlanVersion(Base):
    """Credits a month and features of a plan, from `starts_at` on; never changed afterwards.

    Without `for_everybody` it is for those who come to the plan from then on.
    """

    __tablename__ = "plan_versions"
    __table_args__ = (
        UniqueConstraint("plan_id", "number"),
        CheckConstraint("monthly_credits >= 0", name="monthly_credits_not_negative"),
        CheckConstraint(f"monthly_credits <= {MAX_CREDITS}", name="monthly_credits_within_limit"),
        CheckConstraint("number >= 1", name="number_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey(SubscriptionPlanModel.id))
    number: Mapped[int]
    monthly_credits: Mapped[int]
    features: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    for_everybody: Mapped[bool]
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def included(self) -> Features:
        """The column `features`, read."""
        return features_from(self.features)


class PlanTerm(Base):
    """The rule of `rules.plan_terms` written out, so that a reset finds its version by a join.

    Rewritten with every edit of the plan. `held` is a version's number, or `NEWCOMER`.
    """

    __tablename__ = "plan_terms"

    plan_id: Mapped[int] = mapped_column(ForeignKey(SubscriptionPlanModel.id), primary_key=True)
    held: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    number: Mapped[int]
    monthly_credits: Mapped[int]


class PlanOverride(Base):
    """What one person's plan gives instead of its version's, until `ends_at`.

    It counts while the subscription is on that plan. Null in a column: as everybody.
    """

    __tablename__ = "plan_overrides"
    __table_args__ = (
        CheckConstraint("monthly_credits >= 0", name="monthly_credits_not_negative"),
        CheckConstraint(f"monthly_credits <= {MAX_CREDITS}", name="monthly_credits_within_limit"),
    )

    subscription_id: Mapped[int] = mapped_column(
        ForeignKey("user_subscriptions.id"), primary_key=True
    )
    plan_id: Mapped[int] = mapped_column(ForeignKey(SubscriptionPlanModel.id))
    monthly_credits: Mapped[int | None]
    features: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    reason: Mapped[str] = mapped_column(Text)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


VERSIONS: Final = cast(Table, PlanVersion.__table__)
TERMS: Final = cast(Table, PlanTerm.__table__)
OVERRIDES: Final = cast(Table, PlanOverride.__table__)
