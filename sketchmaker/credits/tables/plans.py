"""The table of plans."""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import JSON, CheckConstraint, Index, String, Table, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.credits.rules.amounts import MAX_CREDITS
from sketchmaker.credits.rules.features import Features, features_from
from sketchmaker.database import Base, UtcDateTime


class SubscriptionPlanModel(Base):
    """A plan on offer: how many credits a month, and what comes with them.

    Once it was edited, the two are those of its version on sale, see `plan_versions`.
    """

    __tablename__ = "subscription_plans"
    __table_args__ = (
        CheckConstraint("monthly_credits >= 0", name="monthly_credits_not_negative"),
        CheckConstraint(f"monthly_credits <= {MAX_CREDITS}", name="monthly_credits_within_limit"),
        # New accounts get the default plan, so there is one at the most, and it is on offer.
        CheckConstraint("is_active OR NOT is_default", name="default_is_active"),
        Index(
            "uq_subscription_plans_default",
            "is_default",
            unique=True,
            sqlite_where=text("is_default IS 1"),
            postgresql_where=text("is_default IS true"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    display_name: Mapped[str] = mapped_column(String(100))
    monthly_credits: Mapped[int]
    description: Mapped[str] = mapped_column(Text, default="")
    # An array of objects, see `features.Feature.stored`.
    features: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Counts the changes of the plan, so that nobody overwrites what they have not seen.
    revision: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def included(self) -> Features:
        """The column `features`, read."""
        return features_from(self.features)


PLANS: Final = cast(Table, SubscriptionPlanModel.__table__)

IS_DEFAULT = SubscriptionPlanModel.is_default.is_(true())
"""A constant, for SQLite's sake: see `tables.IS_ACTIVE`."""
