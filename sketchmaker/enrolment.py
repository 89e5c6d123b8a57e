"""Coming and going: an account and its plan begin together, and end together."""

from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.accounts import deletion
from sketchmaker.accounts.registration import Registration, register
from sketchmaker.accounts.tables import User
from sketchmaker.credits import lifecycle, subscriptions


def enrol(session: Session, registration: Registration, *, now: datetime) -> User:
    """Create the account and start the default plan in the caller's one transaction.

    The person's own zone becomes the subscription's, so that their day is a day as they count it.

    Raises:
        UsernameTaken, EmailTaken: somebody else has it.
        NoDefaultPlan: the installation has not been set up.
    """
    user = register(session, registration, now=now)
    subscriptions.start(session, user_id=user.id, now=now, time_zone=user.time_zone)
    return user


def enrol_everyone_without_a_plan(session: Session, *, now: datetime) -> int:
    """Start the default plan for every user who never had one. How many there were.

    Raises:
        NoDefaultPlan: the installation has not been set up.
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
