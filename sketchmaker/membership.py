"""Joining and leaving: an account and its plan begin together, and everything of it ends together.

Above the studio, so that leaving reaches pictures and prompts.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.accounts import administration, deletion
from sketchmaker.accounts.registration import Registration, register
from sketchmaker.accounts.tables import User
from sketchmaker.credits.managing import erasure as credit_erasure
from sketchmaker.credits.managing import lifecycle, subscriptions
from sketchmaker.record import outbox
from sketchmaker.studio import erasure as studio_erasure


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


def leave(session: Session, *, user_id: int, now: datetime) -> Sequence[str]:
    """Delete the account; gives the names of the image files to remove after the commit.

    What is under way ends, credits that are left are void, and words, pictures and addresses are
    erased. The ledger keeps its amounts, under a number that is nobody's name any more. It can't
    be undone.

    Raises:
        UserNotFound: nobody has that number.
        LastSuperadmin: somebody has to be able to make others admin.
    """
    administration.refuse_last_superadmin(session, user_id=user_id)
    # Twice: an order that was committed while the plan ended is found the second time, and
    # without a plan none can follow.
    for _ in range(2):
        studio_erasure.end_open_generations(session, user_id=user_id, now=now)
        lifecycle.leave(session, user_id=user_id, now=now)
    credit_erasure.erase_words(session, user_id=user_id)
    files = studio_erasure.erase(session, user_id=user_id)
    outbox.erase_subject(session, outbox.subject_of(user_id))
    deletion.pseudonymise(session, user_id=user_id)
    return files
