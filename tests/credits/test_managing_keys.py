"""Grants, voids, refunds and changes of plan under a key: done once, answered every time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.rules.errors import (
    CreditError,
    EntryNotFound,
    GrantNotFound,
    InvalidKey,
    KeyReused,
    NoActiveSubscription,
    NothingToChange,
    RefundTooLarge,
    SubscriptionNotFound,
)
from sketchmaker.database import Database
from tests.credits.test_races import race
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import assert_books_close

pytestmark = pytest.mark.slow  # all of them together

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WHY: dict[str, Any] = {"reason": "Sorry.", "now": JOINED}

Ask = Callable[[str | None], Any]


@pytest.fixture
def member(database: Database) -> Member:
    member = Member(database, now=JOINED, plan="premium")
    member.charge(10, JOINED)
    return member


@pytest.fixture
def desk(database: Database) -> CreditDesk:
    return CreditDesk(database)


def requests(desk: CreditDesk, member: Member) -> dict[str, Ask]:
    """One request of each verb, which takes the key."""
    entry_id = member.ledger[-1].id
    grant_id = member.grant(5, JOINED, expires_at=JOINED + DAY).id
    user, subscription = member.user_id, member.id
    until = JOINED + 2 * DAY
    gift: dict[str, Any] = {"credits": 3, "kind": "admin", "expires_at": until}
    return {
        "grant": lambda key: desk.grant(user_id=user, key=key, **gift, **WHY, by=SOMEBODY),
        "void": lambda key: desk.void(grant_id=grant_id, key=key, **WHY, by=SOMEBODY),
        "refund": lambda key: desk.refund(
            entry_id=entry_id, credits=4, key=key, **WHY, by=SOMEBODY
        ),
        "change_plan": lambda key: desk.change_plan(
            subscription_id=subscription,
            plan_name="pro",
            when="now",
            now=JOINED,
            key=key,
            by=SOMEBODY,
            reason="A test.",
        ),
        "end_plan": lambda key: desk.end_plan(
            subscription_id=subscription, now=JOINED, key=key, by=SOMEBODY, reason="A test."
        ),
    }


VERBS = ["grant", "void", "refund", "change_plan", "end_plan"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_request_sent_again_is_done_once_and_says_that_it_is_repeated(
    desk: CreditDesk, member: Member, verb: str
) -> None:
    ask = requests(desk, member)[verb]

    first = ask("key-1")
    rows, parts = len(member.ledger), member.parts
    again = ask("key-1")

    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert (len(member.ledger), member.parts) == (rows, parts)
    assert_books_close(member.database)


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_key_nothing_is_remembered(desk: CreditDesk, member: Member, verb: str) -> None:
    ask = requests(desk, member)[verb]
    ask(None)
    rows = len(member.ledger)

    try:
        assert not ask(None).replayed
    except NothingToChange:
        assert len(member.ledger) == rows
    else:
        assert len(member.ledger) == rows + 1


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_of_another_verb_is_refused(desk: CreditDesk, member: Member, verb: str) -> None:
    asks = requests(desk, member)
    other = "grant" if verb != "grant" else "refund"
    asks[verb]("key-1")
    rows = len(member.ledger)

    with pytest.raises(KeyReused):
        asks[other]("key-1")
    assert len(member.ledger) == rows


def test_a_key_with_other_parameters_is_refused(desk: CreditDesk, member: Member) -> None:
    entry_id = member.ledger[-1].id
    desk.refund(entry_id=entry_id, credits=4, key="key-1", **WHY, by=SOMEBODY)

    with pytest.raises(KeyReused):
        desk.refund(entry_id=entry_id, credits=5, key="key-1", **WHY, by=SOMEBODY)


def test_an_expiry_told_in_another_zone_is_the_same_request(
    desk: CreditDesk, member: Member
) -> None:
    until = JOINED + 2 * DAY
    gift: dict[str, Any] = {"user_id": member.user_id, "credits": 3, "kind": "admin", **WHY}
    first = desk.grant(expires_at=until, key="key-1", **gift, by=SOMEBODY)

    again = desk.grant(
        expires_at=until.astimezone(ZoneInfo("Asia/Tokyo")), key="key-1", **gift, by=SOMEBODY
    )

    assert (again, again.replayed) == (first, True)
    assert again.expires_at == until


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("key", ["", "a\nb", "k" * 256])
def test_a_key_that_cannot_be_one_is_refused(
    desk: CreditDesk, member: Member, verb: str, key: str
) -> None:
    ask = requests(desk, member)[verb]
    with pytest.raises(InvalidKey):
        ask(key)


def test_a_refusal_that_moved_nothing_is_asked_afresh(desk: CreditDesk, member: Member) -> None:
    entry_id = member.ledger[-1].id
    desk.refund(entry_id=entry_id, credits=8, **WHY, by=SOMEBODY)

    for _ in range(2):
        with pytest.raises(RefundTooLarge) as refusal:
            desk.refund(entry_id=entry_id, credits=4, key="key-1", **WHY, by=SOMEBODY)
        assert not refusal.value.replayed


def test_who_has_no_plan_is_told_so_again(desk: CreditDesk, member: Member) -> None:
    member.deactivate(JOINED)
    ask = requests_of_nobody(desk, member)
    refusals: list[CreditError] = []

    for _ in range(2):
        with pytest.raises(NoActiveSubscription) as refusal:
            ask()
        refusals.append(refusal.value)

    assert [refusal.replayed for refusal in refusals] == [False, True]


def requests_of_nobody(desk: CreditDesk, member: Member) -> Callable[[], object]:
    return lambda: desk.grant(
        user_id=member.user_id, credits=1, kind="admin", key="k", **WHY, by=SOMEBODY
    )


def test_what_is_not_there_is_refused_with_a_key_as_without(
    desk: CreditDesk, member: Member
) -> None:
    del member
    for key in (None, "key-1"):
        with pytest.raises(GrantNotFound):
            desk.void(grant_id=4711, key=key, **WHY, by=SOMEBODY)
        with pytest.raises(EntryNotFound):
            desk.refund(entry_id=4711, credits=1, key=key, **WHY, by=SOMEBODY)
        with pytest.raises(SubscriptionNotFound):
            desk.end_plan(subscription_id=4711, now=JOINED, key=key, by=SOMEBODY, reason="A test.")


@pytest.mark.race
@pytest.mark.parametrize("verb", VERBS)
def test_of_requests_with_one_key_that_race_one_is_done(
    desk: CreditDesk, member: Member, verb: str
) -> None:
    ask = requests(desk, member)[verb]
    rows = len(member.ledger)

    outcomes = race(8, lambda _: "repeated" if ask("key-1").replayed else "done")

    assert outcomes == {"done": 1, "repeated": 7}
    assert len(member.ledger) == rows + 1
    assert_books_close(member.database)


@pytest.mark.race
def test_settlements_with_one_key_that_race_are_one_settlement(
    desk: CreditDesk, member: Member
) -> None:
    for number in range(5):
        hold_id = member.hold(3, JOINED)

        def settle(_: int, hold_id: int = hold_id, key: str = f"key-{number}") -> str:
            end = desk.settle(hold_id=hold_id, credits=2, now=JOINED, key=key)
            return "repeated" if end.replayed else "done"

        assert race(8, settle) == {"done": 1, "repeated": 7}
    assert_books_close(member.database)
