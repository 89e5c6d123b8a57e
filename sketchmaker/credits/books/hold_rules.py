"""Rules for a hold, its numbers and the ledger row of its end."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache

from sqlalchemy import Subquery, case, func, or_, select
from sqlalchemy.orm import Session

from sketchmaker.credits.books.row_rules import IS_PENDING
from sketchmaker.credits.books.sweeps import HOLD, Rule, Sweep, within
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.spending.holds import LONGEST_LIFETIME
from sketchmaker.credits.tables import HOLDS, LEDGER, SUBSCRIPTIONS, HoldState


@in_utc
def check_ends(session: Session, low: int, high: int, *, now: datetime) -> Iterator[Violation]:
    """B35: a pending hold ends within the longest lifetime there is."""
    latest = now + LONGEST_LIFETIME
    query = (
        select(HOLDS.c.id, HOLDS.c.expires_at)
        .where(within(HOLDS.c.id), IS_PENDING, HOLDS.c.expires_at > latest)
        .order_by(HOLDS.c.id)
    )
    sentence = "Nothing will end the hold for longer than any hold lives."
    for hold in session.execute(query, {"above": low, "up_to": high}).all():
        yield Violation("B35", Subject(HOLD, hold.id), sentence, latest, hold.expires_at)


@cache
def hold_sweep() -> Sweep:
    """B13, B15, B16, B27 for holds."""
    ends = (
        select(
            LEDGER.c.hold_id,
            func.count().label("rows"),
            func.sum(LEDGER.c.credits_used).label("used"),
            func.min(LEDGER.c.cycle).label("cycle"),
            func.min(LEDGER.c.subscription_id).label("subscription_id"),
        )
        .where(within(LEDGER.c.hold_id))
        .group_by(LEDGER.c.hold_id)
        .subquery("ends")
    )
    source = HOLDS.outerjoin(ends, ends.c.hold_id == HOLDS.c.id).outerjoin(
        SUBSCRIPTIONS, SUBSCRIPTIONS.c.id == HOLDS.c.subscription_id
    )
    rows = func.coalesce(ends.c.rows, 0)
    ended_rows = case((IS_PENDING, 0), else_=1)
    once = Rule(
        "B15",
        rows != ended_rows,
        "A hold that ended has one ledger row, a pending one has none.",
        ended_rows,
        rows,
    )
    return Sweep(
        HOLD,
        HOLDS.c.id,
        source,
        [*_numbers(), once, *_same(ends), _owner()],
    )


def _same(ends: Subquery) -> list[Rule]:
    return [
        Rule("B16", ends.c.used != HOLDS.c.credits_settled, "Its ledger row used another amount.",
             HOLDS.c.credits_settled, ends.c.used),
        Rule("B16", ends.c.cycle != HOLDS.c.cycle, "Its ledger row is of another cycle.",
             HOLDS.c.cycle, ends.c.cycle),
        Rule("B16", ends.c.subscription_id != HOLDS.c.subscription_id,
             "Its ledger row is another subscription's.",
             HOLDS.c.subscription_id, ends.c.subscription_id),
    ]  # fmt: skip


def _numbers() -> list[Rule]:
    hold = HOLDS.c
    states = [state.value for state in HoldState]
    ended = hold.ended_at.is_not(None)
    return [
        Rule("B13", hold.credits_held <= 0, "It holds nothing.", "1 or more", hold.credits_held),
        Rule(
            "B13",
            or_(hold.credits_settled < 0, hold.credits_settled > hold.credits_held),
            "More was settled than held, or less than nothing.",
            hold.credits_held,
            hold.credits_settled,
        ),
        Rule(
            "B13",
            hold.state.not_in(states),
            "There is no such state.",
            "|".join(states),
            hold.state,
        ),
        Rule(
            "B13",
            ended == IS_PENDING,
            "A hold has an end when it is no longer pending, and only then.",
            hold.state,
            hold.ended_at,
        ),
        Rule(
            "B13",
            (hold.state == HoldState.SETTLED.value) != (hold.credits_settled > 0),
            "A hold that was settled, and no other, charged something.",
            hold.state,
            hold.credits_settled,
        ),
    ]


def _owner() -> Rule:
    return Rule(
        "B27",
        or_(SUBSCRIPTIONS.c.id.is_(None), SUBSCRIPTIONS.c.user_id != HOLDS.c.user_id),
        "The hold names a user whose subscription it is not on.",
        SUBSCRIPTIONS.c.user_id,
        HOLDS.c.user_id,
    )
