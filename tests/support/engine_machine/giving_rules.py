"""Voids, refunds, and plans that end with their cycle."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.credits.managing import plan_changes, voids
from sketchmaker.credits.spending import refunds
from sketchmaker.credits.tables import GRANTS, LEDGER
from tests.support import credit_model as model
from tests.support.actors import SOMEBODY
from tests.support.engine_machine.lockstep import Ids
from tests.support.engine_machine.stage import BESIDE, PLACES, WHO, Stage, Subject

_GRANT_IDS = select(GRANTS.c.id).order_by(GRANTS.c.id)
_SPENT = select(LEDGER.c.id).where(LEDGER.c.credits_used > 0).order_by(LEDGER.c.id)


class GivingRules(Stage):
    """What is taken back from people, and given back to them."""

    @rule(who=WHO, place=PLACES)
    def void_a_grant(self, who: int, place: int) -> None:
        subject = self.subjects[who]
        count = len(subject.person.grants)
        if not count:
            return
        number = count - 1 - place % count
        agreed: list[tuple[int, int]] = []

        def engine(session: Session, its: Ids) -> voids.Void:
            grant_id = session.scalars(_GRANT_IDS.where(GRANTS.c.user_id == its.user_id)).all()[
                number
            ]
            return voids.void(
                session, grant_id=grant_id, reason="A mistake.", now=self.now, by=SOMEBODY
            )

        void = self._both(
            subject, engine, lambda person: agreed.append(person.void(number, self.now))
        )
        if void:
            assert (void.credits, void.held) == agreed[0]
            assert void.available == subject.person.available

    @rule(who=WHO, place=PLACES, credits=st.sampled_from([1, 1, 2, 5, "all"]))
    def refund(self, who: int, place: int, credits: int | str) -> None:
        self._refund(self.subjects[who], place, credits)

    @rule(who=WHO, place=PLACES, beside=BESIDE)
    def refund_at_the_reset(self, who: int, place: int, beside: timedelta) -> None:
        """Where it turns from credits of the cycle into a grant."""
        if self._go_to(self.subjects[who].person.next_reset + beside):
            self._refund(self.subjects[who], place, 1)

    @rule(who=WHO)
    def end_the_plan(self, who: int) -> None:
        subject = self.subjects[who]
        self._both(
            subject,
            lambda session, its: plan_changes.end_at_reset(
                session,
                subscription_id=its.subscription_id,
                now=self.now,
                by=SOMEBODY,
                reason="A test.",
            ),
            lambda person: person.end_plan(model.DEFAULT_PLAN, self.now),
        )

    def _refund(self, subject: Subject, place: int, wish: int | str) -> None:
        count = len(subject.person.spends)
        if not count:
            return
        number = count - 1 - place % count
        spend = subject.person.spends[number]
        credits = wish if isinstance(wish, int) else max(spend.credits - spend.refunded, 1)
        agreed: list[tuple[int, int]] = []

        def engine(session: Session, its: Ids) -> Any:
            spent = _SPENT.where(LEDGER.c.subscription_id == its.subscription_id)
            entry_id = session.scalars(spent).all()[number]
            return refunds.refund(
                session,
                entry_id=entry_id,
                credits=credits,
                reason="Blurred.",
                now=self.now,
                by=SOMEBODY,
            )

        def rules(person: model.Person) -> None:
            agreed.append(person.refund(person.spends[number], credits, self.now))

        refund = self._both(subject, engine, rules)
        if refund:
            assert (refund.granted, refund.returned) == agreed[0]
            assert (refund.credits, refund.available) == (credits, subject.person.available)
