"""The same request, sent again, gets the first answer: whatever happened in between."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from sketchmaker.credits import idempotency
from sketchmaker.credits.charges import Charge
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.errors import (
    HoldNotPending,
    InsufficientCredits,
    InvalidAmount,
    InvalidKey,
    KeyReused,
    NoActiveSubscription,
)
from sketchmaker.database import Database
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


@pytest.fixture
def desk(database: Database) -> CreditDesk:
    return CreditDesk(database)


def charge(
    desk: CreditDesk, member: Member, credits: int, key: object, now: datetime = JOINED
) -> Charge:
    return desk.charge(
        user_id=member.user_id,
        credits=credits,
        action="images",
        now=now,
        key=key,  # type: ignore[arg-type]
    )


def forget(database: Database, now: datetime) -> int:
    with database.transaction() as session:
        return idempotency.forget_old(session, now=now)


def test_the_retry_of_the_charge_that_emptied_the_balance_gets_its_first_answer(
    desk: CreditDesk, member: Member
) -> None:
    first = charge(desk, member, 10, "order-1")

    assert charge(desk, member, 10, "order-1", JOINED + DAY) == first
    assert charge(desk, member, 10, "order-1", RESET) == first
    assert member.parts == (0, 0, 10)
    assert_books_close(member.database)


def test_a_refusal_is_remembered_with_its_facts_even_when_there_is_enough_by_then(
    desk: CreditDesk, member: Member
) -> None:
    with pytest.raises(InsufficientCredits) as first:
        charge(desk, member, 11, "order-1")
    member.grant(5, JOINED)

    with pytest.raises(InsufficientCredits) as again:
        charge(desk, member, 11, "order-1", RESET)

    assert vars(again.value) == vars(first.value)
    assert (again.value.available, again.value.next_reset) == (10, RESET)
    assert charge(desk, member, 11, "order-2").available == 4


def test_the_same_key_for_something_else_is_refused(desk: CreditDesk, member: Member) -> None:
    charge(desk, member, 1, "order-1")

    with pytest.raises(KeyReused, match="order-1"):
        charge(desk, member, 2, "order-1")
    with pytest.raises(KeyReused):
        desk.charge(user_id=member.user_id, credits=1, action="video", now=JOINED, key="order-1")
    with pytest.raises(KeyReused):
        desk.charge(
            user_id=member.user_id,
            credits=1,
            action="images",
            now=JOINED,
            details={"prompt": "a lighthouse"},
            key="order-1",
        )

    assert member.parts == (9, 0, 1)


def test_a_hold_with_another_lifetime_is_something_else(desk: CreditDesk, member: Member) -> None:
    def hold(lifetime: timedelta) -> int:
        return desk.hold(
            user_id=member.user_id,
            credits=1,
            action="images",
            now=JOINED,
            lifetime=lifetime,
            key="order-1",
        ).id

    assert hold(DAY) == hold(DAY)
    with pytest.raises(KeyReused):
        hold(2 * DAY)


def test_a_key_is_its_users_and_its_verbs_own(
    database: Database, desk: CreditDesk, member: Member
) -> None:
    other = Member(database, now=JOINED)

    charge(desk, member, 1, "order-1")
    charge(desk, other, 2, "order-1")
    held = desk.hold(user_id=member.user_id, credits=3, action="images", now=JOINED, key="order-1")
    settled = desk.settle(hold_id=held.id, credits=2, now=JOINED, key="order-1")

    assert (member.parts, other.parts) == ((7, 0, 3), (8, 0, 2))
    assert settled.returned == 1


def test_each_end_of_a_hold_is_answered_as_the_first_time(desk: CreditDesk, member: Member) -> None:
    def hold() -> int:
        return desk.hold(user_id=member.user_id, credits=4, action="images", now=JOINED).id

    kept, failed = hold(), hold()
    settled = desk.settle(hold_id=kept, credits=3, now=JOINED, key="end-1")
    released = desk.release(hold_id=failed, reason="It failed.", now=JOINED, key="end-2")

    assert desk.settle(hold_id=kept, credits=3, now=RESET, key="end-1") == settled
    assert desk.release(hold_id=failed, reason="It failed.", now=RESET, key="end-2") == released
    with pytest.raises(KeyReused):
        desk.settle(hold_id=kept, credits=2, now=JOINED, key="end-1")
    with pytest.raises(HoldNotPending):
        desk.settle(hold_id=kept, credits=3, now=JOINED, key="end-3")
    assert member.parts == (7, 0, 3)
    assert_books_close(member.database)


@pytest.mark.parametrize("key", ["", "x" * 256, "line\nbreak", 7, b"bytes"])
def test_what_is_no_key_is_refused(desk: CreditDesk, member: Member, key: object) -> None:
    with pytest.raises(InvalidKey):
        charge(desk, member, 1, key)

    assert member.parts == (10, 0, 0)


@pytest.mark.parametrize("key", ["x", "x" * 255, "Bestellung Nr. 7 – ÄÖÜ 🖼"])
def test_any_printable_text_is_a_key(desk: CreditDesk, member: Member, key: str) -> None:
    assert charge(desk, member, 1, key) == charge(desk, member, 1, key)


def test_what_was_no_answer_is_not_remembered(desk: CreditDesk, member: Member) -> None:
    with pytest.raises(InvalidAmount):
        charge(desk, member, 0, "order-1")
    member.deactivate(JOINED)
    with pytest.raises(NoActiveSubscription):
        charge(desk, member, 1, "order-1")
    member.reactivate(JOINED)

    assert charge(desk, member, 1, "order-1").available == 9


@pytest.mark.race
@pytest.mark.parametrize("credits", [1, 10])
def test_sixteen_threads_with_one_key_have_one_effect_and_one_answer(
    desk: CreditDesk, member: Member, credits: int
) -> None:
    gate = Barrier(16)

    def attempt(_: int) -> Charge:
        gate.wait()
        return charge(desk, member, credits, "order-1")

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(attempt, range(16)))

    assert answers == {Charge(credits=credits, cycle=0, available=10 - credits)}
    assert member.parts == (10 - credits, 0, credits)
    assert_books_close(member.database)


@pytest.mark.race
def test_sixteen_threads_with_one_key_place_one_hold(desk: CreditDesk, member: Member) -> None:
    gate = Barrier(16)

    def attempt(_: int) -> int:
        gate.wait()
        return desk.hold(
            user_id=member.user_id, credits=7, action="images", now=JOINED, key="order-1"
        ).id

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(attempt, range(16)))) == 1

    assert member.parts == (3, 7, 0)


def test_keys_are_kept_for_fourteen_days_and_then_forgotten(
    database: Database, desk: CreditDesk, member: Member
) -> None:
    charge(desk, member, 1, "order-1")

    assert forget(database, JOINED + 7 * DAY) == 0
    assert forget(database, JOINED + 14 * DAY) == 0
    assert charge(desk, member, 1, "order-1", JOINED + 14 * DAY).available == 9
    assert forget(database, JOINED + 14 * DAY + timedelta(microseconds=1)) == 1

    assert charge(desk, member, 1, "order-1", JOINED + 15 * DAY).available == 8
