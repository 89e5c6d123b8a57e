"""PostgreSQL undoes one of two transactions that are in each other's way: the desk tries again."""

from datetime import timedelta

import pytest

from sketchmaker.clock import ManualClock
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.database import Database, TransactionConflict
from tests.support.conflicts import break_at_first
from tests.support.people import assert_books_close, reread, subscriber


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("key", [None, "order-1"])
def test_a_charge_that_conflicts_is_tried_again(
    postgres_database: Database, clock: ManualClock, code: str, key: str | None
) -> None:
    subscription = subscriber(postgres_database, now=clock.now(), plan="premium")
    break_at_first(postgres_database, code, times=3)
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
    break_at_first(postgres_database, "40P01", times=2)
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
    break_at_first(postgres_database, "40001", times=1000)
    with pytest.raises(TransactionConflict):
        CreditDesk(postgres_database).charge(
            user_id=subscription.user_id, credits=4, action="images", now=clock.now()
        )
    assert reread(postgres_database, subscription).credits_used_this_month == 0
