"""Every row of the ledger says in words what happened."""

from datetime import UTC, datetime, timedelta

from sketchmaker.credits import resets
from sketchmaker.credits.managing import granting
from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.spending import charges, holds
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import ledger_of, subscriber

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


def test_a_months_story_can_be_read_from_its_rows(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    with database.transaction() as session:
        user = person.user_id
        charges.charge(session, user_id=user, credits=1, action="images", now=JOINED)
        kept = holds.place(session, user_id=user, credits=4, action="images", now=JOINED)
        lost = holds.place(session, user_id=user, credits=2, action="images", now=JOINED)
        what = {"what": "2 images"}
        holds.settle(session, hold_id=kept.id, credits=3, now=JOINED, details=what)
        holds.release(session, hold_id=lost.id, reason="The provider was busy.", now=JOINED)
        late = holds.place(
            session, user_id=user, credits=1, action="images", now=RESET - timedelta(minutes=1)
        )
        resets.reset_due(session, now=RESET)
        holds.settle(session, hold_id=late.id, credits=1, now=RESET)

    assert [explain(row) for row in ledger_of(database, person)] == [
        "You joined the Free plan and got 10 credits.",
        "Images: 1 credit.",
        "2 images: 3 credits. 1 held credit came back.",
        "Nothing was charged. The provider was busy.",
        "Monthly reset to 10 credits. 5 unused credits expired.",
        "Images: 1 credit. Started before the reset, so it used last month's credits.",
    ]


def test_an_admins_reason_never_runs_into_our_own_words(database: Database) -> None:
    member = Member(database, now=JOINED)
    with database.transaction() as session:
        granting.grant(
            session,
            user_id=member.user_id,
            credits=2,
            kind="admin",
            reason="bug report",
            expires_at=JOINED + timedelta(days=7, hours=18),
            now=JOINED,
            by=SOMEBODY,
        )
    assert explain(member.ledger[-1], "Pacific/Auckland") == (
        "You were given 2 credits (“bug report”), kept until 23 January 2026."
    )
    assert explain(member.ledger[-1], "America/Los_Angeles").endswith("until 22 January 2026.")


def test_recent_rows_come_newest_first_and_page_by_page(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    for _ in range(4):
        with database.transaction() as session:
            charges.charge(session, user_id=person.user_id, credits=1, action="images", now=JOINED)

    with database.reading() as session:
        newest = ledger.recent(session, person.user_id, limit=2)
        older = ledger.recent(session, person.user_id, limit=10, before_id=newest[-1].id)

    assert [row.balance_after for row in newest + older] == [6, 7, 8, 9, 10]


def test_daily_usage_counts_by_the_persons_own_days(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    with database.transaction() as session:
        for hours in (0, 4, 15):
            charges.charge(
                session,
                user_id=person.user_id,
                credits=2,
                action="images",
                now=JOINED + timedelta(hours=hours),
            )

    with database.reading() as session:
        since, until = JOINED - timedelta(days=1), JOINED + timedelta(days=2)
        utc = ledger.daily_usage(session, person.user_id, since=since, until=until, zone="UTC")
        tokyo = ledger.daily_usage(
            session, person.user_id, since=since, until=until, zone="Asia/Tokyo"
        )

    assert [(day.day, used) for day, used in utc] == [(15, 4), (16, 2)]
    assert [(day.day, used) for day, used in tokyo] == [(15, 2), (16, 4)]
