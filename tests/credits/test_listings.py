"""Lists for admins are searched and read in slices by the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.orm import Session

from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.credits.tables import SUBSCRIPTIONS
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.database import Database
from sketchmaker.paging import Count, Cursor, Slice, count_of
from sketchmaker.reports.counters import Counters
from sketchmaker.reports.listings import overdue_resets, totals, upcoming_resets
from sketchmaker.reports.searching import Match, Search
from sketchmaker.reports.subscriptions import (
    NO_PLAN,
    Status,
    SubscriptionFilter,
    search_subscriptions,
)
from tests.support.people import add_subscriber, add_user

pytestmark = pytest.mark.slow  # all of them together

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def fill(database: Database) -> None:
    """Five on Free, one on Pro whose reset is overdue, one without a plan."""
    with database.transaction() as session:
        for hours in range(5):
            add_subscriber(session, now=JOINED + timedelta(hours=hours))
        add_subscriber(session, now=JOINED - timedelta(days=40), plan="pro")
        add_user(session, now=JOINED, name="50%_off")


def names_of(session: Session, **parts: Any) -> list[str]:
    found = search_subscriptions(session, now=JOINED, wanted=SubscriptionFilter(**parts))
    names = [row.username for row in found.rows.items]
    assert found.count == Count(len(names))
    return names


def search(words: str, match: Match = Match.PREFIX) -> Search:
    return Search(words, match)


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is executed meanwhile, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    for engine in database.engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in database.engines:
        event.remove(engine, "before_cursor_execute", note)


def walk(read: Callable[[Cursor | None], Slice[Any]]) -> tuple[list[Any], list[Any]]:
    """All items of a list, on to its end, and back again to its beginning."""
    shown = read(None)
    onward = list(shown.items)
    assert shown.before is None
    while shown.after:
        shown = read(shown.after)
        onward += shown.items
    backward = list(shown.items)
    while shown.before:
        shown = read(shown.before)
        backward = [*shown.items, *backward]
    return onward, backward


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_both_lists_are_read_on_and_back_without_gap_or_repetition(
    database: Database, limit: int
) -> None:
    fill(database)

    with database.reading() as session:
        people = walk(
            lambda at: search_subscriptions(session, now=JOINED, cursor=at, limit=limit).rows
        )
        resets = walk(lambda at: upcoming_resets(session, now=JOINED, cursor=at, limit=limit).rows)

    names = [row.username for row in people[0]]
    assert names == sorted(names)
    assert len(set(names)) == 7
    due = [row.next_reset for row in resets[0]]
    assert due == sorted(due)
    assert len({row.subscription_id for row in resets[0]}) == 6
    assert people[0] == people[1]
    assert resets[0] == resets[1]


def test_a_place_that_nobody_is_beside_any_more_is_the_beginning(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        for place in (Cursor(("zz",)), Cursor(("0",), goes_back=True)):
            found = search_subscriptions(session, now=JOINED, cursor=place, limit=2).rows
            assert (len(found.items), found.before) == (2, None)


def test_counting_ends_where_it_is_more_than_enough(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        assert count_of(session, select(User.id), counted_to=7) == Count(7)
        assert count_of(session, select(User.id), counted_to=6) == Count(6, is_exact=False)


def test_a_text_is_looked_for_at_the_beginning_of_names_and_addresses(database: Database) -> None:
    fill(database)
    with database.transaction() as session:
        session.execute(
            update(User).where(User.username == "50%_off").values(email_key="sale@example.org")
        )

    with database.reading() as session:
        assert names_of(session, search=search("50%_O")) == ["50%_off"]
        assert names_of(session, search=search("SALE@")) == ["50%_off"]
        assert len(names_of(session, search=search("Person"))) == 6
        assert names_of(session, search=search("0%_O")) == []
        assert names_of(session, search=search("5_")) == []


def test_a_part_is_looked_for_when_asked_and_signs_are_taken_for_what_they_are(
    database: Database,
) -> None:
    fill(database)

    with database.reading() as session:
        assert names_of(session, search=search("0%_O", Match.CONTAINS)) == ["50%_off"]
        assert names_of(session, search=search("5_%", Match.CONTAINS)) == []
        assert len(names_of(session, search=search("ERSON", Match.CONTAINS))) == 6


def test_a_number_finds_a_user_and_the_name_of_a_job_its_owner(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        number, owner = session.execute(select(SUBSCRIPTIONS.c.id, SUBSCRIPTIONS.c.user_id)).first()  # type: ignore[misc]
        name = session.get_one(User, owner).username
        assert names_of(session, search=Search("1", Match.NUMBER, owner)) == [name]
        assert names_of(session, search=Search("1", Match.JOB, number)) == [name]
        for match in (Match.NUMBER, Match.JOB):
            assert names_of(session, search=Search("1", match, 10**18)) == []
        job = Search("1", Match.JOB, number)
        (reset,) = upcoming_resets(session, now=JOINED, search=job).rows.items
        assert reset.subscription_id == number


def test_lists_can_be_narrowed_to_a_plan_or_to_those_without_one(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        wanted = SubscriptionFilter(plan="pro")
        (pro,) = search_subscriptions(session, now=JOINED, wanted=wanted).rows.items
        assert pro.statement is not None
        assert pro.statement.available == 1000
        assert names_of(session, plan=NO_PLAN) == ["50%_off"]


def test_lists_can_be_narrowed_by_status(database: Database) -> None:
    fill(database)
    with database.transaction() as session:
        people = session.scalars(select(User).order_by(User.id)).all()
        people[0].is_active, people[1].role = False, Role.ADMIN
        third = session.scalar(select(SUBSCRIPTIONS.c.id).filter_by(user_id=people[2].id))
        session.add(
            SuspendedReset(
                subscription_id=third, cause="manual", error="A test.", failures=0, since=JOINED
            )
        )
        names = [person.username for person in people]

    with database.reading() as session:
        assert names_of(session, statuses=(Status.DEACTIVATED,)) == [names[0]]
        assert names_of(session, statuses=(Status.ADMIN,)) == [names[1]]
        assert names_of(session, statuses=(Status.SUSPENDED,)) == [names[2]]
        assert names_of(session, statuses=(Status.OVERDUE,)) == [names[5]]
        assert names_of(session, statuses=(Status.ACTIVE,)) == sorted(names[:6])
        assert names_of(session, statuses=(Status.OVERDUE, Status.ADMIN)) == []


def test_an_empty_list_says_how_many_fit_without_each_part_of_the_filter(
    database: Database,
) -> None:
    fill(database)
    wanted = SubscriptionFilter(search("person"), "pro", (Status.DEACTIVATED,))

    with database.reading() as session:
        found = search_subscriptions(session, now=JOINED, wanted=wanted)

    assert found.without == {"q": Count(0), "plan": Count(0), "deactivated": Count(1)}


def test_upcoming_resets_begin_with_the_overdue_one(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        page = upcoming_resets(session, now=JOINED, limit=3)
        counted = totals(session, now=JOINED)

    assert [row.is_overdue for row in page.rows.items] == [True, False, False]
    assert page.count == Count(6)
    assert (counted.users, counted.active_subscriptions, counted.overdue) == (7, 6, 1)
    assert counted.by_plan == (("Free", 5), ("Premium", 0), ("Pro", 1))


def test_totals_of_many_people_are_at_most_a_minute_old(database: Database) -> None:
    fill(database)
    few, many = Counters(many=100), Counters(many=6)
    seen = []
    for seconds in (0, 59, 60):
        now = JOINED + timedelta(seconds=seconds)
        with database.transaction() as session:
            totals_now = [counters.read(session, now=now) for counters in (few, many)]
            seen.append([(each.users, (now - each.as_of).seconds) for each in totals_now])
            add_user(session, now=now)
    assert seen == [[(7, 0), (7, 0)], [(8, 0), (7, 59)], [(9, 0), (9, 0)]]


def test_a_slice_takes_as_many_queries_for_many_rows_as_for_few(database: Database) -> None:
    fill(database)
    taken, all_due = [], JOINED + timedelta(days=40)
    for limit in (2, 25):
        with database.reading() as session, statements(database) as seen:
            search_subscriptions(session, now=all_due, limit=limit)
            upcoming_resets(session, now=all_due, limit=limit)
        taken.append(len(seen))
    assert taken[0] == taken[1] <= 20


@pytest.mark.parametrize("written", ["2026-02-31 12:00:00.000000", "soon", ""])
def test_a_row_that_cant_be_read_is_listed_as_damaged_beside_the_others(
    sqlite_database: Database, written: str
) -> None:
    fill(sqlite_database)
    with sqlite_database.transaction() as session:
        session.execute(text("PRAGMA ignore_check_constraints = 1"))
        session.execute(
            text(
                "UPDATE user_subscriptions "
                "SET next_credit_reset = :written, last_credit_reset = '' "
                "WHERE id = (SELECT min(id) FROM user_subscriptions)"
            ),
            {"written": written},
        )

    with sqlite_database.reading() as session:
        people = search_subscriptions(session, now=JOINED).rows.items
        resets, _ = walk(lambda at: upcoming_resets(session, now=JOINED, cursor=at, limit=1).rows)
        late = overdue_resets(session, now=JOINED + timedelta(days=100))

    assert [row.is_damaged for row in people].count(True) == 1
    assert len(people) == 7
    assert [row.statement is None for row in resets].count(True) == 1
    assert [row.next_reset is None for row in resets].count(True) == 1
    assert late.count in (5, 6)


LOOKUPS: dict[str, Callable[[Session], Any]] = {
    "beginning": lambda session: search_subscriptions(
        session, now=JOINED, wanted=SubscriptionFilter(search("somebody-77"))
    ),
    "people": lambda session: search_subscriptions(
        session, now=JOINED, cursor=Cursor(("somebody-2",)), limit=2
    ),
    "resets": lambda session: upcoming_resets(session, now=JOINED, limit=2),
}
WAYS = {
    "sqlite": {
        "beginning": "SEARCH users USING INDEX",
        "people": "SEARCH users USING INDEX",
        "resets": "ix_user_subscriptions_due",
    },
    "postgresql": {
        "beginning": "Bitmap Index Scan on",
        "people": "uq_users_username_key",
        "resets": "ix_user_subscriptions_due",
    },
}


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_lists_are_read_through_an_index(database: Database, lookup: str) -> None:
    with database.transaction() as session:
        for number in range(400):
            add_user(session, now=JOINED, name=f"somebody-{number}")
        add_subscriber(session, now=JOINED)
    with database.reading() as session, statements(database) as seen:
        LOOKUPS[lookup](session)
    statement, parameters = next(one for one in seen if "LIMIT" in one[0])
    plan = explained(database, statement, parameters)
    assert WAYS[database.dialect][lookup] in plan, plan
    if lookup != "beginning":
        assert "TEMP B-TREE" not in plan, plan


def explained(database: Database, statement: str, parameters: Any) -> str:
    """How the database would do it if the table were too large to be read from end to end."""
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    with database.transaction() as session:
        connection = session.connection()
        if database.dialect != "sqlite":
            connection.exec_driver_sql("ANALYZE")
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = connection.exec_driver_sql(explain + statement, parameters)
        return "\n".join(str(row) for row in rows)
