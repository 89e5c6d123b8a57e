"""Lists for admins are searched and paged by the database."""

from datetime import UTC, datetime, timedelta

from sketchmaker.database import Database
from sketchmaker.reports.listings import (
    NO_PLAN,
    search_subscriptions,
    totals,
    upcoming_resets,
)
from tests.support.people import add_subscriber, add_user

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def fill(database: Database) -> None:
    with database.transaction() as session:
        for hours in range(5):
            add_subscriber(session, now=JOINED + timedelta(hours=hours))
        add_subscriber(session, now=JOINED - timedelta(days=40), plan="pro")
        add_user(session, now=JOINED, name="50%_off")


def test_users_are_listed_by_page_with_their_balance_as_of_now(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        first = search_subscriptions(session, now=JOINED, per_page=4)
        second = search_subscriptions(session, now=JOINED, per_page=4, page=2)

    assert (first.total, first.pages, len(first.items), len(second.items)) == (7, 2, 4, 3)
    assert (first.has_previous, first.has_next, second.has_next) == (False, True, False)
    names = [row.username for row in first.items + second.items]
    assert names == sorted(names)
    assert len(set(names)) == 7


def test_a_search_takes_the_signs_of_like_for_what_they_are(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        by_sign = search_subscriptions(session, now=JOINED, text="0%_O")
        none = search_subscriptions(session, now=JOINED, text="5_%")

    assert [row.username for row in by_sign.items] == ["50%_off"]
    assert by_sign.items[0].statement is None
    assert none.total == 0


def test_lists_can_be_narrowed_to_a_plan_or_to_those_without_one(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        pro = search_subscriptions(session, now=JOINED, plan="pro")
        without = search_subscriptions(session, now=JOINED, plan=NO_PLAN)

    assert pro.items[0].statement is not None
    assert (pro.total, pro.items[0].statement.available) == (1, 1000)
    assert [row.username for row in without.items] == ["50%_off"]


def test_upcoming_resets_begin_with_the_overdue_one(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        page = upcoming_resets(session, now=JOINED, per_page=3)
        counted = totals(session, now=JOINED)

    assert [row.is_overdue for row in page.items] == [True, False, False]
    assert (counted.users, counted.active_subscriptions, counted.overdue) == (7, 6, 1)
    assert counted.by_plan == (("Free", 5), ("Premium", 0), ("Pro", 1))
