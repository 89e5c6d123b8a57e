"""The same request, sent again, gets the first answer: whatever happened in between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import rescheduling
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.rules.errors import (
    HoldNotPending,
    InsufficientCredits,
    InvalidAmount,
    InvalidKey,
    KeyReused,
    NoActiveSubscription,
    ResetSuspended,
)
from sketchmaker.credits.spending.charges import Charge
from sketchmaker.credits.spending.holds import Hold, HoldEnd
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import assert_books_close

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
BEFORE = RESET - DAY
MOMENT = timedelta(microseconds=1)


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
    first = charge(desk, member, 10, "order-1", RESET - 3 * DAY)

    assert charge(desk, member, 10, "order-1", RESET - DAY) == first
    assert charge(desk, member, 10, "order-1", RESET) == first
    assert member.parts == (0, 0, 10)
    assert_books_close(member.database)


def test_a_repeated_answer_says_that_it_is_one(desk: CreditDesk, member: Member) -> None:
    def hold() -> Hold:
        return desk.hold(user_id=member.user_id, credits=4, action="images", now=JOINED, key="hold")

    def end(verb: Callable[..., HoldEnd], key: str, **how: object) -> HoldEnd:
        return verb(**how, now=JOINED, key=key)

    kept = desk.hold(user_id=member.user_id, credits=1, action="images", now=JOINED)
    for ask in (
        lambda: charge(desk, member, 1, "charge"),
        hold,
        lambda: end(desk.settle, "settle", hold_id=kept.id, credits=1),
        lambda: end(desk.release, "release", hold_id=hold().id, reason="It failed."),
    ):
        first, again = ask(), ask()
        assert again == first
        assert (first.replayed, again.replayed) == (False, True)


def test_a_refusal_is_remembered_with_its_facts_even_when_there_is_enough_by_then(
    desk: CreditDesk, member: Member
) -> None:
    with pytest.raises(InsufficientCredits) as first:
        charge(desk, member, 11, "order-1")
    member.grant(5, JOINED)

    with pytest.raises(InsufficientCredits) as again:
        charge(desk, member, 11, "order-1", JOINED + DAY - MOMENT)

    assert (first.value.replayed, again.value.replayed) == (False, True)
    assert vars(again.value) == {**vars(first.value), "replayed": True}
    assert (again.value.available, again.value.next_reset) == (10, RESET)
    assert charge(desk, member, 11, "order-2").available == 4


def test_a_refusal_is_forgotten_after_24_hours_swept_or_not(
    database: Database, desk: CreditDesk, member: Member
) -> None:
    for key in ("swept", "not swept"):
        with pytest.raises(InsufficientCredits):
            charge(desk, member, 11, key)
    member.grant(12, JOINED)

    assert charge(desk, member, 11, "not swept", JOINED + DAY).replayed is False
    assert forget(database, JOINED + DAY) == 1
    assert charge(desk, member, 11, "swept", JOINED + DAY).replayed is False
    assert member.parts == (0, 0, 22)
    assert_books_close(database)


def test_a_refusal_is_forgotten_at_the_reset_that_it_names(
    desk: CreditDesk, member: Member
) -> None:
    charge(desk, member, 10, "all of it")
    with pytest.raises(InsufficientCredits):
        charge(desk, member, 1, "order-1", RESET - 2 * MOMENT)
    with pytest.raises(InsufficientCredits) as again:
        charge(desk, member, 1, "order-1", RESET - MOMENT)

    assert again.value.replayed
    assert charge(desk, member, 1, "order-1", RESET) == Charge(credits=1, cycle=1, available=9)


def test_having_no_plan_is_remembered_for_24_hours(desk: CreditDesk, member: Member) -> None:
    member.deactivate(JOINED)
    with pytest.raises(NoActiveSubscription):
        charge(desk, member, 1, "order-1")
    member.reactivate(JOINED)

    with pytest.raises(NoActiveSubscription) as again:
        charge(desk, member, 1, "order-1", JOINED + DAY - MOMENT)

    assert (again.value.user_id, again.value.replayed) == (member.user_id, True)
    assert charge(desk, member, 1, "order-1", JOINED + DAY).available == 9


def test_a_reset_that_was_suspended_is_remembered_for_24_hours(
    database: Database, desk: CreditDesk, member: Member
) -> None:
    with database.transaction() as session:
        rescheduling.suspend(
            session, subscription_id=member.id, now=JOINED, by=SOMEBODY, reason="A test."
        )
    with pytest.raises(ResetSuspended):
        charge(desk, member, 1, "order-1", RESET)
    with database.transaction() as session:
        guard.resume(session, subscription_id=member.id, now=RESET, by=SOMEBODY, reason="A test.")

    with pytest.raises(ResetSuspended) as again:
        charge(desk, member, 1, "order-1", RESET + DAY - MOMENT)

    assert (again.value.subscription_id, again.value.cause) == (member.id, "manual")
    assert again.value.replayed
    assert charge(desk, member, 1, "order-1", RESET + DAY).available == 9


def test_nothing_is_remembered_of_somebody_who_is_not_there(desk: CreditDesk) -> None:
    for _ in range(2):
        with pytest.raises(NoActiveSubscription) as refusal:
            desk.charge(user_id=4711, credits=1, action="images", now=JOINED, key="order-1")
        assert not refusal.value.replayed


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


def test_a_key_is_its_users_own(database: Database, desk: CreditDesk, member: Member) -> None:
    other = Member(database, now=JOINED)

    charge(desk, member, 1, "order-1")
    charge(desk, other, 2, "order-1")

    assert (member.parts, other.parts) == ((9, 0, 1), (8, 0, 2))


def test_a_key_of_another_verb_is_refused(desk: CreditDesk, member: Member) -> None:
    kept = desk.hold(user_id=member.user_id, credits=1, action="images", now=JOINED, key="hold")
    charge(desk, member, 1, "charge")

    with pytest.raises(KeyReused, match="charge"):
        desk.hold(user_id=member.user_id, credits=1, action="images", now=JOINED, key="charge")
    with pytest.raises(KeyReused, match="charge"):
        desk.settle(hold_id=kept.id, credits=1, now=JOINED, key="charge")
    with pytest.raises(KeyReused, match="hold"):
        desk.release(hold_id=kept.id, reason="It failed.", now=JOINED, key="hold")
    with pytest.raises(KeyReused, match="hold"):
        charge(desk, member, 1, "hold")

    assert member.parts == (8, 1, 1)


def test_each_end_of_a_hold_is_answered_as_the_first_time(desk: CreditDesk, member: Member) -> None:
    def hold() -> int:
        return desk.hold(user_id=member.user_id, credits=4, action="images", now=BEFORE).id

    kept, failed = hold(), hold()
    settled = desk.settle(hold_id=kept, credits=3, now=BEFORE, key="end-1")
    released = desk.release(hold_id=failed, reason="It failed.", now=BEFORE, key="end-2")

    assert desk.settle(hold_id=kept, credits=3, now=RESET, key="end-1") == settled
    assert desk.release(hold_id=failed, reason="It failed.", now=RESET, key="end-2") == released
    with pytest.raises(KeyReused):
        desk.settle(hold_id=kept, credits=2, now=BEFORE, key="end-1")
    with pytest.raises(HoldNotPending):
        desk.settle(hold_id=kept, credits=3, now=BEFORE, key="end-3")
    assert member.parts == (7, 0, 3)
    assert_books_close(member.database)


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "line\nbreak", "nul\0", "half \ud83d", "\x7f", "\u2028", 7, b"bytes"]
)
def test_what_is_no_key_is_refused(desk: CreditDesk, member: Member, key: object) -> None:
    with pytest.raises(InvalidKey):
        charge(desk, member, 1, key)

    assert member.parts == (10, 0, 0)


@pytest.mark.parametrize(
    "key",
    [
        "x",
        "x" * 255,
        "Bestellung Nr. 7 – ÄÖÜ 🖼",
        "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}",
        "می\N{ZERO WIDTH NON-JOINER}خواهم",
        "10\N{NO-BREAK SPACE}000",
        "\U000e0fff",
    ],
)
def test_any_text_without_control_characters_is_a_key(
    desk: CreditDesk, member: Member, key: str
) -> None:
    assert charge(desk, member, 1, key) == charge(desk, member, 1, key)


def test_what_was_no_answer_is_not_remembered(desk: CreditDesk, member: Member) -> None:
    with pytest.raises(InvalidAmount):
        charge(desk, member, 0, "order-1")

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


@pytest.mark.race
def test_of_many_that_find_a_key_forgotten_one_uses_it_anew(
    desk: CreditDesk, member: Member
) -> None:
    with pytest.raises(InsufficientCredits):
        charge(desk, member, 11, "order-1")
    member.grant(1, JOINED)
    gate = Barrier(16)

    def attempt(_: int) -> Charge:
        gate.wait()
        return charge(desk, member, 11, "order-1", JOINED + DAY)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(attempt, range(16)))

    assert set(answers) == {Charge(credits=11, cycle=0, available=0)}
    assert sum(not answer.replayed for answer in answers) == 1
    assert member.parts == (0, 0, 11)


def test_answers_are_kept_for_fourteen_days_and_then_forgotten_swept_or_not(
    database: Database, desk: CreditDesk, member: Member
) -> None:
    charge(desk, member, 1, "order-1")
    charge(desk, member, 1, "order-2")

    assert forget(database, JOINED + 14 * DAY - MOMENT) == 0
    assert charge(desk, member, 1, "order-1", JOINED + 14 * DAY - MOMENT).replayed
    assert charge(desk, member, 1, "order-1", JOINED + 14 * DAY).available == 7
    assert forget(database, JOINED + 14 * DAY) == 1
    assert charge(desk, member, 1, "order-2", JOINED + 14 * DAY).available == 6


def test_keys_are_forgotten_a_limited_number_at_a_time_the_oldest_first(
    database: Database, desk: CreditDesk, member: Member
) -> None:
    for number in range(5):
        charge(desk, member, 1, f"order-{number}", JOINED + number * DAY)

    def forget_two() -> int:
        with database.transaction() as session:
            return idempotency.forget_old(session, now=JOINED + 17 * DAY, limit=2)

    assert [forget_two() for _ in range(3)] == [2, 2, 0]
    assert charge(desk, member, 1, "order-4", JOINED + 17 * DAY).replayed
