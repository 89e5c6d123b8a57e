"""Bugs of charges, holds and retries: many show only when a connection is lost at COMMIT."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import false, insert, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import hold_ends
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.rows import idempotency, ledger, state
from sketchmaker.credits.rows.idempotency import Answer, Request
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.credits.spending import charges, guarded, holds
from sketchmaker.credits.spending.holds import Hold
from sketchmaker.credits.tables import HOLDS, SUBSCRIPTIONS, HoldState
from sketchmaker.credits.tables.side import KEYS
from sketchmaker.database import DatabaseUnavailable
from tests.simulation import seams
from tests.simulation.bugs import Plot, bug


def _charge_the_long_way(plot: Plot) -> None:
    """Leave the one statement out, so that the bug in the other way shows."""
    plot.put("at_once", lambda *_, **__: None)


@bug()
def _keys_are_not_looked_at(plot: Plot) -> None:
    def wrong(_session: Session, _request: Request, *, now: datetime, work: Any) -> Answer:
        del now
        return Answer(work(), None)

    right = charges.at_once
    plot.put("once", wrong)
    plot.put("at_once", lambda connection, wanted, _named=None: right(connection, wanted))


@bug(profile="cuts")
def _a_key_is_saved_after_its_effect(plot: Plot) -> None:
    def wrong(self: CreditDesk, request: Request, now: datetime, work: Any) -> Answer:
        with self._database.reading() as session:
            earlier = idempotency.find(session, request, now=now)
        if earlier is not None:
            return earlier
        answer = Answer(self.attempt(work), None)
        with self._database.transaction() as session:
            if idempotency.find(session, request, now=now) is None:
                session.execute(insert(KEYS).values(**idempotency.row_of(request, answer, now)))
        return answer

    _charge_the_long_way(plot)
    plot.put("CreditDesk.once", wrong)


@bug()
def _a_key_is_looked_up_without_its_user(plot: Plot) -> None:
    def wrong(session: Session, request: Request, *, now: datetime) -> Answer | None:
        named = (KEYS.c.verb == request.verb, KEYS.c.key == request.key, KEYS.c.kept_until > now)
        row = session.execute(select(KEYS.c.answer).where(*named)).first()
        return None if row is None else idempotency.answer_in(row)

    _charge_the_long_way(plot)
    plot.put("find", wrong)


@bug()
def _a_key_serves_for_another_request(plot: Plot) -> None:
    plot.put("Request.fingerprint", "")


@bug(profile="cuts")
def _keys_are_forgotten_after_a_day(plot: Plot) -> None:
    plot.put("KEPT_FOR", timedelta(days=1))


@bug(profile="cuts")
def _a_refusal_is_remembered_for_as_long_as_a_success(plot: Plot) -> None:
    plot.put("REFUSAL_KEPT_FOR", idempotency.KEPT_FOR)


@bug()
def _a_refusal_is_not_remembered(plot: Plot) -> None:
    def wrong(session: Session, request: Request, *, now: datetime, work: Any) -> Answer:
        earlier = idempotency.find(session, request, now=now)
        if earlier is not None:
            return earlier
        answer = Answer(work(), None)
        session.execute(insert(KEYS).values(**idempotency.row_of(request, answer, now)))
        return answer

    plot.put("once", wrong)


@bug(profile="cuts")
def _a_lost_connection_is_taken_for_nothing_done(plot: Plot) -> None:
    right = CreditDesk.attempt

    def wrong(self: CreditDesk, work: Callable[[Session], Any]) -> Any:
        try:
            return right(self, work)
        except DatabaseUnavailable:
            return right(self, work)

    _charge_the_long_way(plot)
    plot.put("CreditDesk.attempt", wrong)


@bug(profile="crowd")
def _the_balance_is_checked_outside_the_transaction(plot: Plot) -> None:
    right = CreditDesk.charge

    def wrong(self: CreditDesk, **asked: Any) -> charges.Charge:
        now, key = asked["now"], asked.pop("key")
        with self._database.reading() as session:
            found = state.of_user(session, asked["user_id"], lock=False)
        if found is None or found.balance.available < asked["credits"] or found.next_reset <= now:
            return right(self, **asked, key=key)
        if key is None:
            return self.attempt(lambda session: _charged_blindly(session, asked))
        named = {name: asked[name] for name in ("credits", "action", "details")}
        request = Request(asked["user_id"], "charge", key, named)
        answer = self.once(request, now, lambda session: _charged_blindly(session, asked).facts())
        return charges.Charge(**answer.result())

    plot.put("CreditDesk.charge", wrong)


def _charged_blindly(session: Session, asked: dict[str, Any]) -> charges.Charge:
    found = state.of_user(session, asked["user_id"])
    if found is None:
        raise NoActiveSubscription(asked["user_id"])
    used = found.balance.used + asked["credits"]
    after = replace(found, balance=replace(found.balance, used=used))
    state.move(
        session,
        found,
        after,
        action=asked["action"],
        credits_used=asked["credits"],
        now=asked["now"],
        details=ledger.with_callers_words({}, asked["details"]),
    )
    return charges.Charge(asked["credits"], found.cycle, after.available)


@bug()
def _a_hold_ends_twice(plot: Plot) -> None:
    right = state.move

    def close(session: Session, hold_id: int, ended: Any, settled: int, now: datetime) -> Any:
        values = {"state": ended, "credits_settled": settled, "ended_at": now}
        wrong = update(HOLDS).where(HOLDS.c.id == hold_id, HOLDS.c.credits_held >= settled)
        return session.execute(wrong.values(values).returning(*HOLDS.c)).one()

    def move(*args: Any, **entry: Any) -> None:
        right(*args, **{**entry, "hold_id": None})  # its uniqueness would have stopped it

    plot.put("close", close)
    plot.put("move", move)


@bug()
def _a_hold_and_its_credits_are_two_transactions(plot: Plot) -> None:
    def wrong(self: CreditDesk, *, user_id: int, credits: int, action: str, **rest: Any) -> Hold:
        now, details = rest["now"], rest.get("details")
        taken = self.attempt(
            lambda session: guarded.take(
                session, user_id=user_id, credits=credits, purpose="held", now=now
            )
        )
        row = {
            "user_id": user_id,
            "subscription_id": taken.subscription_id,
            "cycle": taken.cycle,
            "action": action,
            "credits_held": credits,
            "credits_settled": 0,
            "parts": holds.kept_parts(taken),
            "state": "pending",
            "details": details,
            "created_at": now,
            "expires_at": now + timedelta(hours=1),
        }
        number = self.attempt(
            lambda session: session.execute(
                insert(HOLDS).values(row).returning(HOLDS.c.id)
            ).scalar_one()
        )
        return Hold(number, credits, taken.cycle, now + timedelta(hours=1), taken.available)

    plot.put("CreditDesk.hold", wrong)


@bug()
def _a_settlement_leaves_no_row(plot: Plot) -> None:
    right = state.move

    def wrong(session: Session, before: Any, after: Any, **entry: Any) -> None:
        if entry.get("hold_id") is None:
            right(session, before, after, **entry)
        else:
            state.write(session, before, after)

    plot.put("move", wrong)


@bug()
def _fewer_images_cost_as_much_as_all(plot: Plot) -> None:
    right = holds.settle

    def wrong(session: Session, *, hold_id: int, credits: int, **rest: Any) -> Any:
        if "delivered" in (rest.get("details") or {}):
            held = select(HOLDS.c.credits_held).where(HOLDS.c.id == hold_id)
            credits = session.scalar(held) or credits
        return right(session, hold_id=hold_id, credits=credits, **rest)

    plot.put("settle", wrong)


@bug()
def _holds_never_expire(plot: Plot) -> None:
    plot.put("overdue_holds", lambda _now: select(HOLDS).where(false()))


@bug()
def _a_hold_expires_while_it_is_extended(plot: Plot) -> None:
    right = hold_ends.close

    def close(session: Session, hold_id: int, ended: Any, settled: int, now: datetime) -> Any:
        later = now + timedelta(days=365) if ended == HoldState.EXPIRED else now
        return right(session, hold_id, ended, settled, later)

    def overdue(now: datetime) -> Any:
        old = HOLDS.c.created_at <= now - timedelta(hours=1)
        return select(HOLDS).where(HOLDS.c.state == "pending", old)

    plot.put("close", close)
    plot.put("overdue_holds", overdue)


@bug(profile="crowd", database="postgresql")
def _a_balance_is_read_without_a_lock_and_written_back(plot: Plot) -> None:
    right = seams.part("read_state")

    def read(session: Session, *which: Any, lock: bool) -> Any:
        del lock
        return right(session, *which, lock=False)

    def write(session: Session, before: Any, after: Any) -> None:
        values = state.values_of(after)
        session.execute(
            update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id == before.id).values(**values)
        )

    plot.put("read_state", read)
    plot.put("write", write)
