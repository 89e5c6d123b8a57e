"""Grants, plans, leaving and coming back, resets."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy.orm import Session

from sketchmaker.credits import resets
from sketchmaker.credits.managing import (
    adjustments,
    forced_resets,
    granting,
    lifecycle,
    plan_changes,
    rescheduling,
)
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rules.errors import CreditError
from tests.support import credit_model as model
from tests.support.actors import SOMEBODY
from tests.support.engine_machine.lockstep import Ids
from tests.support.engine_machine.stage import (
    BESIDE,
    PASSING,
    PLAN_NAMES,
    WHO,
    ZONES,
    Stage,
)


class SubscriptionRules(Stage):
    """What is done to people's credits."""

    @rule(who=WHO, credits=st.integers(1, 6), lasting=st.none() | PASSING)
    def grant(self, who: int, credits: int, lasting: timedelta | None) -> None:
        self._grant(who, credits, None if lasting is None else self.now + lasting)

    @rule(who=WHO, credits=st.integers(1, 6), beside=BESIDE)
    def grant_until_the_reset(self, who: int, credits: int, beside: timedelta) -> None:
        self._grant(who, credits, self.subjects[who].person.next_reset + beside)

    @precondition(lambda self: self._may_do_chores())
    @rule()
    def expire_grants(self) -> None:
        with self.database.transaction() as session:
            expired = granting.expire_due(session, now=self.now)
        assert expired == sum(s.person.expire_grants(self.now) for s in self.subjects)

    @rule(who=WHO, credits=st.sampled_from([1, 4, 40]))
    def revoke(self, who: int, credits: int) -> None:
        subject = self.subjects[who]
        self._both(
            subject,
            lambda session, its: adjustments.revoke(
                session,
                user_id=its.user_id,
                credits=credits,
                reason="Abuse.",
                now=self.now,
                by=SOMEBODY,
            ),
            lambda person: person.revoke(credits, self.now),
        )

    @rule(
        who=WHO,
        plan=PLAN_NAMES,
        when=st.sampled_from(["now", "next_reset", "restart"]),
        zone=st.none() | st.sampled_from(ZONES),
    )
    def change_plan(self, who: int, plan: str, when: plan_changes.When, zone: str | None) -> None:
        subject = self.subjects[who]
        choice: dict[str, Any] = {
            "plan_name": plan,
            "when": when,
            "time_zone": zone,
            "now": self.now,
        }
        foreseen = self._answer(
            subject,
            lambda session, its: plan_changes.preview(
                session, subscription_id=its.subscription_id, **choice
            ),
        )
        change = self._both(
            subject,
            lambda session, its: plan_changes.apply(
                session,
                subscription_id=its.subscription_id,
                **choice,
                by=SOMEBODY,
                reason="A test.",
            ),
            lambda person: person.change_plan(plan, when, self.now, zone),
        )
        if change:
            assert foreseen == change
            assert change.available_after == subject.person.available
        else:
            assert isinstance(foreseen, CreditError)

    @rule(who=WHO)
    def cancel_a_scheduled_change(self, who: int) -> None:
        subject = self.subjects[who]
        self._both(
            subject,
            lambda session, its: plan_changes.cancel_scheduled(
                session,
                subscription_id=its.subscription_id,
                now=self.now,
                by=SOMEBODY,
                reason="A test.",
            ),
            lambda person: person.cancel_change(self.now),
        )

    @rule(who=WHO)
    def deactivate(self, who: int) -> None:
        subject = self.subjects[who]
        self._both(
            subject,
            lambda session, its: lifecycle.deactivate(
                session,
                subscription_id=its.subscription_id,
                now=self.now,
                by=SOMEBODY,
                reason="A test.",
            ),
            lambda person: person.deactivate(self.now),
        )

    # Rare: little can happen afterwards.
    @rule(who=WHO, is_meant=st.sampled_from([True, False, False, False]))
    def delete_the_account(self, who: int, *, is_meant: bool) -> None:
        if is_meant:
            self._both(
                self.subjects[who],
                lambda session, its: lifecycle.leave(
                    session, user_id=its.user_id, now=self.now, by=SOMEBODY, reason="A test."
                ),
                lambda person: person.delete_account(self.now),
            )

    @rule(who=WHO, beside=BESIDE)
    def leave_and_come_back_at_the_boundary(self, who: int, beside: timedelta) -> None:
        """What is far apart otherwise: a cycle that ends while nobody is there."""
        self.deactivate(who)
        self._go_to(self.subjects[who].person.next_reset + beside)
        self._reactivate(who)

    # Twice, so that people are back more often than away.
    @rule(who=WHO)
    def reactivate(self, who: int) -> None:
        self._reactivate(who)

    @precondition(lambda self: any(not s.person.is_active for s in self.subjects))
    @rule(who=WHO)
    def come_back(self, who: int) -> None:
        self._reactivate(who)

    @precondition(lambda self: not self.twin)
    @rule(limit=st.sampled_from([1, 10]))
    def reset_due(self, limit: int) -> None:
        with self.database.transaction() as session:
            done = resets.reset_due(session, now=self.now, limit=limit)
        free = [subject for subject in self.subjects if not subject.actor]
        free.sort(key=lambda subject: (subject.person.next_reset, subject.ids.subscription_id))
        expected: list[int] = []
        for subject in free:
            if len(expected) < limit and subject.person.reset_if_due(self.now):
                expected.append(subject.ids.subscription_id)
        assert [reset.subscription_id for reset in done] == expected

    @rule(who=WHO)
    def force_reset(self, who: int) -> None:
        subject = self.subjects[who]
        self._both(
            subject,
            lambda session, its: forced_resets.force_reset(
                session,
                subscription_id=its.subscription_id,
                now=self.now,
                by=SOMEBODY,
                reason="They asked.",
            ),
            lambda person: person.force_reset(self.now),
        )

    @precondition(lambda self: not self._somebody_is_busy())
    @rule(who=WHO)
    def a_reset_fails(self, who: int) -> None:
        subject = self.subjects[who]
        if self.twin and subject.person.next_reset <= self.now:
            return  # to the twin it has happened already, and did not fail
        self._both(
            subject,
            lambda session, its: _fail(session, its.subscription_id, self.now),
            lambda person: person.fail(self.now),
        )

    @rule(who=WHO, plan=PLAN_NAMES)
    def ask_when_to_change(self, who: int, plan: str) -> None:
        subject = self.subjects[who]
        answer = self._both(
            subject,
            lambda session, its: plan_changes.default_when(
                session, subscription_id=its.subscription_id, plan_name=plan, now=self.now
            ),
            lambda person: person.default_when(plan, self.now),
        )
        assert answer is None or answer == subject.person.default_when(plan, self.now)

    @rule(who=WHO, days=st.sampled_from([-40, -3, 0, 3, 40]), beside=BESIDE)
    def reschedule(self, who: int, days: int, beside: timedelta) -> None:
        subject = self.subjects[who]
        at = subject.person.next_reset + timedelta(days=days) + beside
        self._both(
            subject,
            lambda session, its: rescheduling.reschedule(
                session,
                subscription_id=its.subscription_id,
                at=at,
                now=self.now,
                by=SOMEBODY,
                reason="A test.",
            ),
            lambda person: person.reschedule(at, self.now),
        )

    @rule(who=WHO)
    def suspend(self, who: int) -> None:
        subject = self.subjects[who]
        self._both(
            subject,
            lambda session, its: rescheduling.suspend(
                session,
                subscription_id=its.subscription_id,
                now=self.now,
                by=SOMEBODY,
                reason="A test.",
            ),
            lambda person: person.suspend(self.now),
        )

    @rule(who=WHO)
    def resume_what_was_suspended(self, who: int) -> None:
        subject = self.subjects[who]
        # Beside the twin it is not compared whether there was anything to resume: a reset that
        # failed is tried again by itself, and where that went well nothing is left.
        is_compared = self.twin is None

        def resume(session: Session, its: Ids) -> bool | None:
            was_suspended = guard.resume(
                session,
                subscription_id=its.subscription_id,
                now=self.now,
                by=SOMEBODY,
                reason="A test.",
            )
            return was_suspended if is_compared else None

        def by_the_rules(person: model.Person) -> bool | None:
            was_suspended = person.resume()
            return was_suspended if is_compared else None

        self._both(subject, resume, by_the_rules)

    def _grant(self, who: int, credits: int, expires_at: datetime | None) -> None:
        subject = self.subjects[who]
        given = self._both(
            subject,
            lambda session, its: granting.grant(
                session,
                user_id=its.user_id,
                credits=credits,
                kind="admin",
                reason="Sorry.",
                expires_at=expires_at,
                now=self.now,
                by=SOMEBODY,
            ),
            lambda person: person.grant(credits, expires_at or model.NEVER, self.now),
        )
        if given:
            assert given.available == subject.person.available

    def _reactivate(self, who: int) -> None:
        subject = self.subjects[who]
        self._both(
            subject,
            lambda session, its: lifecycle.reactivate(
                session,
                subscription_id=its.subscription_id,
                now=self.now,
                by=SOMEBODY,
                reason="A test.",
            ),
            lambda person: person.reactivate(self.now),
        )


def _fail(session: Session, subscription_id: int, now: datetime) -> None:
    guard.suspend_failed(session, subscription_id=subscription_id, error="It broke.", now=now)
