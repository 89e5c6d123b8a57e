"""Races, really raced: threads against one database, the outcome counted."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import text

from sketchmaker.credits import resets
from sketchmaker.credits.managing import plan_changes, subscriptions
from sketchmaker.credits.rules.errors import AlreadySubscribed, HoldNotPending, InsufficientCredits
from sketchmaker.credits.spending import charges, holds
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.people import add_user, assert_books_close, ledger_of, reread, subscriber
from tests.support.waiting import wait_until

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.race


def race(attempts: int, attempt: Callable[[int], str]) -> Counter[str]:
    """Start every attempt at the same moment; how often each outcome occurred."""
    gate = Barrier(attempts)

    def start(number: int) -> str:
        gate.wait()
        return attempt(number)

    with ThreadPoolExecutor(attempts) as pool:
        return Counter(pool.map(start, range(attempts)))


def charge_one(database: Database, user_id: int, now: datetime) -> str:
    try:
        with database.transaction() as session:
            charges.charge(session, user_id=user_id, credits=1, action="images", now=now)
    except InsufficientCredits:
        return "refused"
    return "charged"


def hold_one(database: Database, user_id: int) -> str:
    try:
        with database.transaction() as session:
            holds.place(session, user_id=user_id, credits=1, action="images", now=JOINED)
    except InsufficientCredits:
        return "refused"
    return "held"


def test_fifty_threads_spend_the_last_ten_credits_ten_times(database: Database) -> None:
    person = subscriber(database, now=JOINED)

    outcomes = race(50, lambda _: charge_one(database, person.user_id, JOINED))

    assert outcomes == {"charged": 10, "refused": 40}
    assert reread(database, person).credits_remaining == 0
    assert len(ledger_of(database, person)) == 11
    assert_books_close(database)


def test_fifty_threads_hold_the_last_ten_credits_ten_times(database: Database) -> None:
    person = subscriber(database, now=JOINED)

    outcomes = race(50, lambda _: hold_one(database, person.user_id))

    assert outcomes == {"held": 10, "refused": 40}
    assert reread(database, person).credits_held == 10
    assert_books_close(database)


def test_charges_that_race_the_reset_see_one_reset_and_no_credit_more(database: Database) -> None:
    person = subscriber(database, now=JOINED)

    def charge_or_reset(number: int) -> str:
        if number % 3:
            return charge_one(database, person.user_id, RESET)
        with database.transaction() as session:
            return "reset" if resets.reset_due(session, now=RESET) else "nothing due"

    outcomes = race(30, charge_or_reset)

    assert outcomes["charged"] == 10
    assert outcomes["refused"] == 10
    assert outcomes["reset"] <= 1
    rows = Counter(row.action for row in ledger_of(database, person))
    assert rows == {"subscription_started": 1, "monthly_reset": 1, "images": 10}
    assert_books_close(database)


def test_a_hold_that_is_settled_and_released_at_once_ends_one_way(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    with database.transaction() as session:
        held = holds.place(session, user_id=person.user_id, credits=5, action="images", now=JOINED)

    def end(number: int) -> str:
        try:
            with database.transaction() as session:
                if number % 2:
                    holds.settle(session, hold_id=held.id, credits=5, now=JOINED)
                else:
                    holds.release(session, hold_id=held.id, reason="Failed.", now=JOINED)
        except HoldNotPending:
            return "too late"
        return "ended"

    assert race(16, end) == {"ended": 1, "too late": 15}
    assert reread(database, person).credits_held == 0
    assert_books_close(database)


def test_of_many_requests_to_start_a_plan_one_succeeds(database: Database) -> None:
    subscriber(database, now=JOINED)
    with database.transaction() as session:
        user_id = add_user(session, now=JOINED).id

    def start(_: int) -> str:
        try:
            with database.transaction() as session:
                subscriptions.start(
                    session, user_id=user_id, now=JOINED, by=SOMEBODY, reason="A test."
                )
        except AlreadySubscribed:
            return "refused"
        return "started"

    assert race(8, start) == {"started": 1, "refused": 7}
    with database.reading() as session:
        assert session.query(UserSubscription).filter_by(user_id=user_id).count() == 1


def test_two_housekeepers_that_end_the_same_peoples_holds_never_wait_in_a_circle(
    database: Database,
) -> None:
    people = [subscriber(database, now=JOINED, plan="premium") for _ in range(6)]
    for number in range(120):
        with database.transaction() as session:
            person = people[number % 6 if number % 2 else -1 - number % 6]
            holds.place(session, user_id=person.user_id, credits=1, action="images", now=JOINED)

    def tidy(_: int) -> str:
        ended = 0
        for _ in range(12):
            with database.transaction() as session:
                ended += holds.release_expired(session, now=RESET, limit=10)
        return str(ended)

    outcomes = race(4, tidy)

    assert sum(int(ended) * times for ended, times in outcomes.items()) == 120
    assert {reread(database, person).credits_held for person in people} == {0}
    assert_books_close(database)


def test_a_plan_that_is_changed_while_a_charge_waits_keeps_no_cycle_alive(
    postgres_database: Database,
) -> None:
    """PostgreSQL asks a row again after a wait, but not the plan that was joined to it."""
    person = subscriber(postgres_database, now=JOINED, plan="pro")

    with ThreadPoolExecutor(1) as pool:
        with postgres_database.transaction() as session:
            plan_changes.end_at_reset(
                session, subscription_id=person.id, now=JOINED, by=SOMEBODY, reason="A test."
            )
            charged = pool.submit(charge_one, postgres_database, person.user_id, RESET)
            wait_until(lambda: _somebody_waits(postgres_database), what="the charge")
        assert charged.result() == "charged"

    after = reread(postgres_database, person)
    assert (after.cycle, after.cycle_allowance, after.credits_remaining) == (1, 10, 9)
    assert_books_close(postgres_database)


def _somebody_waits(database: Database) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
    with database.reading() as session:
        return bool(session.scalar(text(waiting)))
