"""Callers may say anything of a spend: what the engine says lies apart, and is believed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import erasure
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.spending import charges, holds
from sketchmaker.credits.tables import LEDGER, UsageHistory
from sketchmaker.database import Database
from tests.support.member import Member
from tests.support.people import assert_books_close

pytestmark = pytest.mark.slow

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FORGED: list[dict[str, Any]] = [
    {"outcome": "released", "reason": "It failed."},
    {"correction": True, "reason": "me"},
    {"held": 9},
    {"lapsed": -5, "held": 9},
    {"grants": [[1, 2]]},
    {"details": {"held": 9}},
]
LIES = pytest.mark.parametrize("lie", FORGED, ids=str)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


@LIES
@pytest.mark.parametrize("key", [None, "order-7"])
def test_a_charge_is_what_it_was_whatever_its_caller_says(
    database: Database, member: Member, lie: dict[str, Any], key: str | None
) -> None:
    CreditDesk(database).charge(
        user_id=member.user_id, credits=3, action="images", now=JOINED, details=lie, key=key
    )

    row = member.ledger[-1]
    assert explain(row) == "Images: 3 credits."
    assert ledger.said_by_caller(row.details) == lie
    assert_books_close(database)


@LIES
def test_a_charge_that_takes_a_grant_is_what_it_was(
    database: Database, member: Member, lie: dict[str, Any]
) -> None:
    grant = member.grant(2, JOINED)
    with database.transaction() as session:
        charges.charge(
            session, user_id=member.user_id, credits=11, action="images", now=JOINED, details=lie
        )

    row = member.ledger[-1]
    assert explain(row) == "Images: 11 credits."
    assert row.details["grants"] == [[grant.id, 1]]
    assert ledger.said_by_caller(row.details) == lie
    assert_books_close(database)


@LIES
def test_a_hold_ended_as_it_did_whatever_was_said_when_it_was_placed_or_settled(
    database: Database, member: Member, lie: dict[str, Any]
) -> None:
    with database.transaction() as session:
        first, second = (
            holds.place(
                session,
                user_id=member.user_id,
                credits=5,
                action="images",
                now=JOINED,
                details=each,
            ).id
            for each in (lie, None)
        )
        holds.settle(session, hold_id=first, credits=3, now=JOINED)
        holds.settle(session, hold_id=second, credits=3, now=JOINED, details=lie)

    settled = member.ledger[-2:]
    sentence = "Images: 3 credits. 2 held credits came back."
    assert [explain(row) for row in settled] == [sentence] * 2
    assert [ledger.said_by_caller(row.details) for row in settled] == [lie] * 2
    assert_books_close(database)


@LIES
def test_a_released_hold_has_the_reason_of_its_release(
    database: Database, member: Member, lie: dict[str, Any]
) -> None:
    with database.transaction() as session:
        hold = holds.place(session, user_id=member.user_id, credits=5, action="images", now=JOINED)
        holds.release(session, hold_id=hold.id, reason="Too busy.", now=JOINED, details=lie)

    assert explain(member.ledger[-1]) == "Nothing was charged. Too busy."
    assert_books_close(database)


def test_a_grant_is_used_by_what_was_taken_from_it_and_not_by_what_was_said(
    database: Database, member: Member
) -> None:
    """The allowance ends before the grant does, so it is taken first."""
    grant = member.grant(2, JOINED, expires_at=JOINED + 32 * DAY)
    with database.transaction() as session:
        hold = holds.place(
            session,
            user_id=member.user_id,
            credits=12,
            action="images",
            now=JOINED + 28 * DAY,
            lifetime=7 * DAY,
            details={"grants": [[grant.id, 2]]},
        )
    later = JOINED + 33 * DAY
    member.settle(hold.id, 5, later)
    assert_books_close(database)
    refund = member.refund(member.ledger[-1].id, 5, later)

    assert (refund.granted, refund.returned, refund.available) == (5, 5, 15)
    assert_books_close(database)


def test_what_was_said_at_the_end_of_a_hold_is_added_to_what_was_said_at_its_start(
    database: Database, member: Member
) -> None:
    with database.transaction() as session:
        hold = holds.place(
            session,
            user_id=member.user_id,
            credits=2,
            action="images",
            now=JOINED,
            details={"prompt": "a lighthouse", "images": 2},
        )
        holds.settle(session, hold_id=hold.id, credits=1, now=JOINED, details={"images": 1})

    words = ledger.said_by_caller(member.ledger[-1].details)
    assert words == {"prompt": "a lighthouse", "images": 1}


@pytest.mark.parametrize("old", [{"what": "2 images"}, {"what": "2 images", "details": "none"}])
def test_rows_of_before_have_the_callers_words_beside_the_facts_and_can_be_read(
    old: dict[str, Any],
) -> None:
    row = UsageHistory(
        action="images", credits_used=2, credits_delta=-2, details={"held": 3, **old}
    )

    assert explain(row) == "2 images: 2 credits. 1 held credit came back."
    assert ledger.said_by_caller(row.details)["what"] == "2 images"


def test_erasing_takes_the_words_and_leaves_the_facts(database: Database, member: Member) -> None:
    with database.transaction() as session:
        hold = holds.place(
            session,
            user_id=member.user_id,
            credits=2,
            action="images",
            now=JOINED,
            details={"prompt": "a lighthouse", "held": 9},
        )
        holds.settle(session, hold_id=hold.id, credits=1, now=JOINED)
        erasure.erase_words(session, user_id=member.user_id)

    assert member.ledger[-1].details == {"held": 2, "outcome": "settled"}
    assert_books_close(database)


def test_a_charge_of_which_nothing_was_said_writes_no_words(
    database: Database, member: Member
) -> None:
    member.charge(1, JOINED)
    with database.reading() as session:
        written = session.scalars(LEDGER.select().with_only_columns(LEDGER.c["metadata"])).all()
    assert written[-1] == {}
