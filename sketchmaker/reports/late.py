"""When a reset is late, and when it is suspended."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists

from sketchmaker.credits.tables import IS_ACTIVE, UserSubscription
from sketchmaker.credits.tables.side import SUSPENDED

OVERDUE_AFTER = timedelta(minutes=1)
"""A reset due for longer than this is reported as overdue; until then it is just being done."""


def is_overdue(now: datetime) -> ColumnElement[bool]:
    """Whether a subscription's reset is late by more than `OVERDUE_AFTER`, and not suspended.

    Somebody knows of suspended ones: they failed and are retried, or were suspended by
    hand.
    """
    is_late = UserSubscription.next_credit_reset <= now - OVERDUE_AFTER
    return and_(IS_ACTIVE, is_late, ~is_suspended())


def is_suspended() -> ColumnElement[bool]:
    """Whether a subscription's reset is suspended."""
    return exists().where(SUSPENDED.c.subscription_id == UserSubscription.id)
