"""PostgreSQL undoes one of two transactions that are in each other's way: the desk tries again."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from sketchmaker.clock import ManualClock
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.database import Database, TransactionConflict
from tests.support.people import assert_books_close, reread, subscriber

# A sequence is not undone with its transaction: it counts the tries.
BREAKS_AT_FIRST = (
    "CREATE SEQUENCE tries",
    """CREATE FUNCTION break_at_first() RETURNS trigger AS $$
    BEGIN
        IF nextval('tries') <= {times} THEN
            RAISE EXCEPTION 'in the way' USING ERRCODE = '{code}';
        END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql""",
    """CREATE TRIGGER conflicting BEFORE UPDATE ON user_subscriptions
    FOR EACH ROW EXECUTE FUNCTION break_at_first()""",
)


def _break(database: Database, code: str, *, times: int) -> None:
    with database.transaction() as session:
        for statement in BREAKS_AT_FIRST:
            session.execute(text(statement.format(code=code, times=times)))


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("key", [None, "order-1"])
def test_a_charge_that_conflicts_is_tried_again(
    postgres_database: Database, clock: ManualClock, code: str, key: str | None
) -> None:
    subscription = subscriber(postgres_database, now=clock.now(), plan="premium")
    _break(postgres_database, code, times=3)
    charged = CreditDesk(postgres_database).charge(
        user_id=subscription.user_id, credits=4, action="images", now=clock.now(), key=key
    )
    after = reread(postgres_database, subscription)
    assert after.credits_used_this_month == 4 and after.credits_remaining == charged.available
    assert_books_close(postgres_database)


def test_a_hold_that_conflicts_is_tried_again(
    postgres_database: Database, clock: ManualClock
) -> None:
    subscription = subscriber(postgres_database, now=clock.now(), plan="premium")
    _break(postgres_database, "40P01", times=2)
    CreditDesk(postgres_database).hold(
        user_id=subscription.user_id,
        credits=4,
        action="images",
        now=clock.now(),
        lifetime=timedelta(minutes=1),
    )
    assert reread(postgres_database, subscription).credits_held == 4


def test_what_conflicts_every_time_is_told_as_such_and_leaves_nothing(
    postgres_database: Database, clock: ManualClock
) -> None:
    subscription = subscriber(postgres_database, now=clock.now(), plan="premium")
    _break(postgres_database, "40001", times=1000)
    with pytest.raises(TransactionConflict):
        CreditDesk(postgres_database).charge(
            user_id=subscription.user_id, credits=4, action="images", now=clock.now()
        )
    assert reread(postgres_database, subscription).credits_used_this_month == 0
