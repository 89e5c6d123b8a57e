"""A person on a plan, as tests tell of them: every verb in a transaction of its own."""

from datetime import datetime, timedelta
from typing import Any

from sketchmaker.credits import resets
from sketchmaker.credits.managing import (
    adjustments,
    forced_resets,
    granting,
    lifecycle,
    plan_changes,
    voids,
)
from sketchmaker.credits.reading.statement import Statement, statement_for
from sketchmaker.credits.resets.reset_plan import ResetDone
from sketchmaker.credits.spending import charges, holds, refunds
from sketchmaker.credits.spending.holds import HoldEnd
from sketchmaker.credits.tables import UsageHistory, UserSubscription
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.people import ledger_of, reread, subscriber

SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)


class Member:
    """Somebody who joined a plan; their verbs, and what they have."""

    def __init__(
        self, database: Database, *, now: datetime, plan: str = "free", zone: str = "UTC"
    ) -> None:
        self.database = database
        self._subscription = subscriber(database, now=now, plan=plan, zone=zone)
        self.id = self._subscription.id
        self.user_id = self._subscription.user_id

    @property
    def row(self) -> UserSubscription:
        return reread(self.database, self._subscription)

    @property
    def ledger(self) -> list[UsageHistory]:
        return ledger_of(self.database, self._subscription)

    @property
    def parts(self) -> tuple[int, int, int]:
        """Available, held, used."""
        row = self.row
        return row.credits_remaining, row.credits_held, row.credits_used_this_month

    def statement(self, now: datetime) -> Statement:
        with self.database.reading() as session:
            return statement_for(session, self.user_id, now=now)

    def charge(self, credits: int, now: datetime) -> int:
        """What is available afterwards."""
        with self.database.transaction() as session:
            return charges.charge(
                session, user_id=self.user_id, credits=credits, action="images", now=now
            ).available

    def hold(self, credits: int, now: datetime, *, weeks: int = 10) -> int:
        """The hold's number; for work so long that it is prolonged week after week."""
        with self.database.transaction() as session:
            hold = holds.place(
                session, user_id=self.user_id, credits=credits, action="images", now=now
            )
            for number in range(weeks):
                at = hold.expires_at - SECOND + number * (WEEK - SECOND)
                holds.extend(session, hold_id=hold.id, until=at + WEEK, now=at)
        return hold.id

    def settle(self, hold_id: int, credits: int, now: datetime) -> HoldEnd:
        with self.database.transaction() as session:
            return holds.settle(session, hold_id=hold_id, credits=credits, now=now)

    def release(self, hold_id: int, now: datetime) -> HoldEnd:
        with self.database.transaction() as session:
            return holds.release(session, hold_id=hold_id, reason="It failed.", now=now)

    def grant(self, credits: int, now: datetime, **facts: Any) -> granting.Grant:
        with self.database.transaction() as session:
            choice = {"kind": "admin", "reason": "Sorry for the outage.", **facts}
            return granting.grant(
                session, user_id=self.user_id, credits=credits, now=now, **choice, by=SOMEBODY
            )

    def void(self, grant_id: int, now: datetime, reason: str = "Given by mistake.") -> voids.Void:
        with self.database.transaction() as session:
            return voids.void(session, grant_id=grant_id, reason=reason, now=now, by=SOMEBODY)

    def refund(
        self, entry_id: int, credits: int, now: datetime, reason: str = "It was blurred."
    ) -> refunds.Refund:
        with self.database.transaction() as session:
            return refunds.refund(
                session, entry_id=entry_id, credits=credits, reason=reason, now=now, by=SOMEBODY
            )

    def expire_grants(self, now: datetime) -> int:
        with self.database.transaction() as session:
            return granting.expire_due(session, now=now)

    def revoke(self, credits: int, now: datetime, reason: str = "Abuse.") -> int:
        with self.database.transaction() as session:
            return adjustments.revoke(
                session, user_id=self.user_id, credits=credits, reason=reason, now=now, by=SOMEBODY
            )

    def preview(
        self, plan: str, when: plan_changes.When, now: datetime, *, zone: str | None = None
    ) -> plan_changes.PlanChange:
        with self.database.reading() as session:
            return plan_changes.preview(
                session,
                subscription_id=self.id,
                plan_name=plan,
                when=when,
                now=now,
                time_zone=zone,
            )

    def change_plan(
        self, plan: str, when: plan_changes.When, now: datetime, *, zone: str | None = None
    ) -> plan_changes.PlanChange:
        with self.database.transaction() as session:
            return plan_changes.apply(
                session,
                subscription_id=self.id,
                plan_name=plan,
                when=when,
                now=now,
                time_zone=zone,
                by=SOMEBODY,
                reason="A test.",
            )

    def end_at_reset(self, now: datetime) -> plan_changes.PlanChange:
        with self.database.transaction() as session:
            return plan_changes.end_at_reset(
                session, subscription_id=self.id, now=now, by=SOMEBODY, reason="A test."
            )

    def cancel_change(self, now: datetime) -> None:
        with self.database.transaction() as session:
            plan_changes.cancel_scheduled(
                session, subscription_id=self.id, now=now, by=SOMEBODY, reason="A test."
            )

    def deactivate(self, now: datetime) -> None:
        with self.database.transaction() as session:
            lifecycle.deactivate(
                session, subscription_id=self.id, now=now, by=SOMEBODY, reason="A test."
            )

    def reactivate(self, now: datetime) -> None:
        with self.database.transaction() as session:
            lifecycle.reactivate(
                session, subscription_id=self.id, now=now, by=SOMEBODY, reason="A test."
            )

    def leave(self, now: datetime) -> None:
        with self.database.transaction() as session:
            lifecycle.leave(session, user_id=self.user_id, now=now, by=SOMEBODY, reason="A test.")

    def reset(self, now: datetime) -> ResetDone | None:
        with self.database.transaction() as session:
            return resets.reset_subscription(session, subscription_id=self.id, now=now)

    def force_reset(self, now: datetime) -> None:
        with self.database.transaction() as session:
            forced_resets.force_reset(
                session, subscription_id=self.id, now=now, by=SOMEBODY, reason="They asked."
            )
