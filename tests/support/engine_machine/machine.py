"""All rules together, and an actor who takes their time."""

from copy import deepcopy

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from sketchmaker.credits.rows import state
from tests.support.engine_machine.giving_rules import GivingRules
from tests.support.engine_machine.spending_rules import SpendingRules
from tests.support.engine_machine.stage import (
    WHO,
    Actor,
)
from tests.support.engine_machine.subscription_rules import SubscriptionRules


class EngineMachine(SpendingRules, SubscriptionRules, GivingRules):
    """All rules; and on PostgreSQL, somebody who locks a subscription and takes their time."""

    @precondition(lambda self: self._can_interleave())
    @rule(who=WHO)
    def an_actor_locks_a_subscription(self, who: int) -> None:
        subject = self.subjects[who]
        if subject.actor is None:
            transaction = self.database.transaction()
            session = transaction.__enter__()
            state.of_subscription(session, subject.ids.subscription_id)
            subject.actor = Actor(session, transaction, deepcopy(subject.person))

    @precondition(lambda self: self._somebody_is_busy())
    @rule(who=WHO, commit=st.booleans())
    def the_actor_finishes(self, who: int, *, commit: bool) -> None:
        subject = self.subjects[who]
        if subject.actor is not None:
            self._finish(subject, commit=commit)

    def _can_interleave(self) -> bool:
        return self.database.dialect == "postgresql" and not self.twin
