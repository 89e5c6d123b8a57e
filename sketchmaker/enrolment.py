"""Coming and going: an account and its plan begin together, and end together."""

from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.accounts import deletion
from sketchmaker.accounts.registration import Registration, register
from sketchmaker.accounts.tables import User
from sketchmaker.credits import lifecycle, subscriptions


def enrol(session: Session, registration: Registration, *, now: datetime) -> User:
    """Create the account and start its Free plan in the caller's one transaction.

    The person's own zone becomes the subscription's, so that their day is a day as they count it.

    Raises:
        UsernameTaken, EmailTaken: somebody else has it.
        UnknownPlan: the Free plan is missing or inactive.
    """
    user = register(session, registration, now=now)
    subscriptions.start(session, user_id=user.id, now=now, time_zone=user.time_zone)
    return user


def enrol_everyone_without_a_plan(session: Session, *, now: datetime) -> int:
    """Start the Free plan for every user who has no active one. How many there were.

    Raises:
        UnknownPlan: the Free plan is missing or inactive.
    """
    users = subscriptions.users_without_one(session)
    for user in users:
        subscriptions.start(session, user_id=user.id, now=now, time_zone=user.time_zone)
    return len(users)


def depart(session: Session, *, user_id: int, now: datetime) -> None:
    """Delete the account: release what is held, end the subscription, take the name off it.

    The ledger stays, under a number that is nobody's name any more.

    Raises:
        UserNotFound: nobody has that number.
    """
    lifecycle.leave(session, user_id=user_id, now=now)
    deletion.pseudonymise(session, user_id=user_id, now=now)
