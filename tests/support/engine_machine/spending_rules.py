"""Charges and holds, with keys and without."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy.orm import Session

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.rules.errors import CreditError
from sketchmaker.credits.spending import charges, holds
from tests.support import credit_model as model
from tests.support.engine_machine.lockstep import Ids
from tests.support.engine_machine.stage import (
    AMOUNTS,
    LIFETIMES,
    PASSING,
    PLACES,
    WHO,
    Amount,
    FirstAnswer,
    Stage,
    Subject,
)


class SpendingRules(Stage):
    """What people do with their credits."""

    @rule(who=WHO, amount=AMOUNTS)
    def charge(self, who: int, amount: Amount) -> None:
        subject, credits = self._subject(who, amount)
        charged = self._both(
            subject,
            lambda session, its: charges.charge(
                session, user_id=its.user_id, credits=credits, action="images", now=self.now
            ),
            lambda person: person.spend(credits, self.now),
        )
        if charged:
            assert (charged.credits, charged.cycle) == (credits, subject.person.cycle)
            assert charged.available == subject.person.available

    @rule(who=WHO, amount=AMOUNTS, lifetime=LIFETIMES)
    def hold(self, who: int, amount: Amount, lifetime: timedelta) -> None:
        subject, credits = self._subject(who, amount)

        def engine(session: Session, its: Ids) -> holds.Hold:
            placed = holds.place(
                session,
                user_id=its.user_id,
                credits=credits,
                action="images",
                now=self.now,
                lifetime=lifetime,
            )
            its.hold_ids.append(placed.id)
            return placed

        placed = self._both(
            subject,
            engine,
            lambda person: person.hold(credits, self.now + lifetime, self.now),
        )
        if placed:
            assert (placed.credits, placed.cycle) == (credits, subject.person.cycle)
            assert placed.expires_at == self.now + lifetime
            assert placed.available == subject.person.available

    @rule(who=WHO, place=PLACES, credits=st.integers(0, 6))
    def end_a_hold(self, who: int, place: int, credits: int) -> None:
        """Settle so many credits; none means release."""
        subject = self.subjects[who]
        number = self._hold(subject, place)
        if number is None:
            return

        def engine(session: Session, its: Ids) -> Any:
            hold_id = its.hold_ids[number]
            if credits:
                return holds.settle(session, hold_id=hold_id, credits=credits, now=self.now)
            return holds.release(session, hold_id=hold_id, reason="It failed.", now=self.now)

        def rules(person: model.Person) -> model.End:
            ending = "settled" if credits else "released"
            return person.end_hold(person.holds[number], credits, ending, self.now)

        self._both(subject, engine, rules)

    @rule(who=WHO, place=PLACES, passing=PASSING)
    def extend_a_hold(self, who: int, place: int, passing: timedelta) -> None:
        # Nobody prolongs a hold further at once than any may live.
        subject, until = self.subjects[who], self.now + min(passing, timedelta(days=7))
        number = self._hold(subject, place)
        if number is not None:
            self._both(
                subject,
                lambda session, its: holds.extend(
                    session, hold_id=its.hold_ids[number], until=until, now=self.now
                ),
                lambda person: person.extend(person.holds[number], until, self.now),
            )

    @precondition(lambda self: self._may_do_chores())
    @rule()
    def expire_holds(self) -> None:
        with self.database.transaction() as session:
            ended = holds.release_expired(session, now=self.now)
        assert ended == sum(s.person.expire_holds(self.now) for s in self.subjects)

    @rule(who=WHO, key=st.sampled_from("ab"), credits=st.sampled_from([1, 2, 11]))
    def charge_with_a_key(self, who: int, key: str, credits: int) -> None:
        subject = self.subjects[who]
        self._once(
            subject,
            ("charge", key, credits),
            lambda desk, its: desk.charge(
                user_id=its.user_id, credits=credits, action="images", now=self.now, key=key
            ),
            lambda person: person.spend(credits, self.now),
        )

    @rule(who=WHO, key=st.sampled_from("ab"), credits=st.sampled_from([1, 2, 11]))
    def hold_with_a_key(self, who: int, key: str, credits: int) -> None:
        subject = self.subjects[who]
        until = self.now + holds.DEFAULT_LIFETIME

        def engine(desk: CreditDesk, its: Ids) -> holds.Hold:
            placed = desk.hold(
                user_id=its.user_id, credits=credits, action="images", now=self.now, key=key
            )
            if placed.id not in its.hold_ids:
                its.hold_ids.append(placed.id)
            return placed

        self._once(
            subject,
            ("hold", key, credits),
            engine,
            lambda person: person.hold(credits, until, self.now),
        )

    @rule(who=WHO, key=st.sampled_from("ab"), place=PLACES, credits=st.integers(1, 4))
    def settle_with_a_key(self, who: int, key: str, place: int, credits: int) -> None:
        subject = self.subjects[who]
        number = self._hold(subject, place)
        if number is None:
            return
        self._once(
            subject,
            ("settle", key, (number, credits)),
            lambda desk, its: desk.settle(
                hold_id=its.hold_ids[number], credits=credits, now=self.now, key=key
            ),
            lambda person: person.end_hold(person.holds[number], credits, "settled", self.now),
        )

    @precondition(lambda self: self._may_do_chores())
    @rule()
    def forget_old_keys(self) -> None:
        with self.database.transaction() as session:
            forgotten = idempotency.forget_old(session, now=self.now)
        old = [name for name, first in self.answers.items() if first.kept_until <= self.now]
        assert forgotten == len(old)
        for name in old:
            del self.answers[name]

    def _once(
        self,
        subject: Subject,
        request: tuple[str, str, Any],
        engine: Callable[[CreditDesk, Ids], Any],
        rules: Callable[[model.Person], Any],
    ) -> Any:
        """A request with a key: the model remembers answers too, refusals among them."""
        if subject.actor:
            return None
        verb, key, parameters = request
        answer = _asked(engine, self.desk, subject.ids)
        if self.twin and subject.twin_ids:
            self.twin.catch_up(self.now)
            self._compare(answer, _asked(engine, self.twin.desk, subject.twin_ids))
        name = (subject.ids.user_id, key)
        first = self.answers.get(name)
        if first and first.kept_until > self.now:
            self._compare_answers(answer, first, (verb, parameters))
            return None
        assert not answer.replayed
        if isinstance(answer, CreditError) and _kept_until(answer, self.now):
            # The refusal is committed, and with it what it found due.
            with suppress(model.Refused):
                subject.person.bring_up(self.now)
        self._agree(answer, subject.person, rules)
        kept_until = _kept_until(answer, self.now)
        if kept_until:
            self.answers[name] = FirstAnswer((verb, parameters), answer, kept_until)
        return None if isinstance(answer, CreditError) else answer

    @staticmethod
    def _compare_answers(answer: Any, first: FirstAnswer, asked: Any) -> None:
        if first.asked != asked:
            assert type(answer).__name__ == "KeyReused"
            return
        assert answer.replayed
        if isinstance(first.answer, CreditError):
            assert type(answer) is type(first.answer) and str(answer) == str(first.answer)
            assert vars(answer) == {**vars(first.answer), "replayed": True}
        else:
            assert answer == first.answer


def _asked(engine: Callable[[CreditDesk, Ids], Any], desk: CreditDesk, its: Ids) -> Any:
    try:
        return engine(desk, its)
    except CreditError as error:
        return error


def _kept_until(answer: Any, now: datetime) -> datetime | None:
    """Until when an answer is remembered; None when it is not."""
    if not isinstance(answer, CreditError):
        return now + timedelta(days=14)
    if type(answer).__name__ in {"InsufficientCredits", "NoActiveSubscription", "ResetSuspended"}:
        tomorrow = now + timedelta(days=1)
        return min(getattr(answer, "next_reset", tomorrow), tomorrow)
    return None
