"""Joining and leaving: an account and its plan begin together, and everything of it ends together.

Above the studio, so that leaving reaches pictures and prompts.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from sketchmaker.accounts import administration, confirmation, deletion, letters
from sketchmaker.accounts.errors import AlreadySo, UserNotFound
from sketchmaker.accounts.registration import Registration, register
from sketchmaker.accounts.tables import User
from sketchmaker.credits.managing import erasure as credit_erasure
from sketchmaker.credits.managing import lifecycle, subscriptions
from sketchmaker.credits.rows import state
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.limits.uses import Limits
from sketchmaker.membership import tables  # noqa: F401 - accounts and credits belong together
from sketchmaker.record import outbox
from sketchmaker.record.actor import SELF, Actor, Subject
from sketchmaker.record.trail import erase_person, record
from sketchmaker.studio import erasure as studio_erasure
from sketchmaker.wishes import wishing


def enrol(
    session: Session, registration: Registration, *, now: datetime, by: Actor, reason: str
) -> User:
    """Create the account and start the default plan in the caller's one transaction.

    The person's own zone becomes the subscription's, so that their day is a day as they count it.

    Raises:
        UsernameTaken, EmailTaken: somebody else has it.
        NoDefaultPlan: the installation has not been set up.
    """
    user, by = _registered(session, registration, now=now, by=by, reason=reason)
    _start(session, user, now=now, by=by, reason=reason)
    return user


def enrol_unconfirmed(
    session: Session,
    registration: Registration,
    *,
    now: datetime,
    limits: Limits,
    by: Actor,
    reason: str,
) -> User:
    """Create the account, and have its owner asked by mail to confirm the address.

    The plan begins with `confirm_address`: who can't prove a mailbox gets no credits.

    Raises:
        UsernameTaken, EmailTaken: somebody else has it.
    """
    user, _ = _registered(session, registration, now=now, by=by, reason=reason)
    user.email_unconfirmed_since = now
    session.flush()
    letters.ask_for_confirmation_link(session, user_id=user.id, now=now, limits=limits)
    return user


def confirm_address(
    session: Session, token: str, *, secret_key: str, now: datetime, by: Actor, reason: str
) -> User:
    """Take the link as proof; the default plan begins now for whoever waited for that.

    Confirmed again, nothing changes.

    Raises:
        ConfirmationLinkInvalid: it is for no account, or for another address.
        NoDefaultPlan: the installation has not been set up.
    """
    user = confirmation.find(session, token, secret_key=secret_key)
    waited = confirmation.confirm(session, user.id)
    if waited and state.latest_of_user(session, user.id) is None:
        _start(session, user, now=now, by=_itself(by, user), reason=reason)
    return user


def vouch_for_address(
    session: Session, *, user_id: int, now: datetime, by: Actor, reason: str
) -> None:
    """Take the actor's word that the address is the person's, instead of the link.

    Raises:
        UserNotFound: nobody has that number.
        AlreadySo: they have nothing to confirm.
        NoDefaultPlan: the installation has not been set up.
        ReasonMissing: the actor does not say why.
    """
    user = session.get(User, user_id)
    if user is None:
        raise UserNotFound(user_id)
    if not confirmation.confirm(session, user_id):
        raise AlreadySo(f"{user.username} has nothing to confirm.")
    subject = Subject.user(user_id, user.username)
    was, now_is = {"address": "unconfirmed"}, {"address": "confirmed"}
    record(
        session, by, "address_confirmed", subject, before=was, after=now_is, reason=reason, now=now
    )
    if state.latest_of_user(session, user_id) is None:
        _start(session, user, now=now, by=by, reason=reason)


def give_up_unconfirmed(session: Session, *, now: datetime, by: Actor, reason: str) -> int:
    """Delete the accounts whose address nobody has confirmed in time; gives how many.

    So nobody keeps a name and somebody else's address. Whom an admin has given a plan meanwhile
    stays: the admin knows them.
    """
    given_up = 0
    for user_id in confirmation.given_up(session, now=now):
        if state.latest_of_user(session, user_id) is None:
            leave(session, user_id=user_id, now=now, by=by, reason=reason)
            given_up += 1
        else:
            confirmation.confirm(session, user_id)
    return given_up


def enrol_everyone_without_a_plan(
    session: Session, *, now: datetime, by: Actor, reason: str
) -> int:
    """Start the default plan for every user who never had one. How many there were.

    Whoever has still to confirm their address is not one of them.

    Raises:
        NoDefaultPlan: the installation has not been set up.
    """
    users = [
        user for user in _users_without_a_plan(session) if user.email_unconfirmed_since is None
    ]
    for user in users:
        _start(session, user, now=now, by=by, reason=reason)
    return len(users)


def _users_without_a_plan(session: Session) -> Sequence[User]:
    """Everybody who never had a subscription, oldest account first.

    One that was ended was ended by somebody: it is taken up again, not given afresh.
    """
    had_one = exists().where(UserSubscription.user_id == User.id)
    return session.scalars(select(User).where(~had_one).order_by(User.id)).all()


def leave(
    session: Session, *, user_id: int, now: datetime, by: Actor, reason: str
) -> Sequence[str]:
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
        lifecycle.leave(session, user_id=user_id, now=now, by=by, reason=reason)
    credit_erasure.erase_words(session, user_id=user_id)
    wishing.erase(session, user_id=user_id)
    files = studio_erasure.erase(session, user_id=user_id)
    outbox.erase_subject(session, outbox.subject_of(user_id))
    deletion.pseudonymise(session, user_id=user_id, now=now, by=by, reason=reason)
    erase_person(session, user_id=user_id)
    return files


def _start(session: Session, user: User, *, now: datetime, by: Actor, reason: str) -> None:
    zone = user.time_zone
    subscriptions.start(session, user_id=user.id, now=now, by=by, reason=reason, time_zone=zone)


def _registered(
    session: Session, registration: Registration, *, now: datetime, by: Actor, reason: str
) -> tuple[User, Actor]:
    user = register(session, registration, now=now)
    by = _itself(by, user)
    subject, made = Subject.user(user.id, user.username), {"role": str(user.role)}
    record(session, by, "account_made", subject, before=None, after=made, reason=reason, now=now)
    return user, by


def _itself(by: Actor, user: User) -> Actor:
    """The actor, who has the number of the account only now if it is their own."""
    return replace(by, account_id=user.id, name=user.username) if by.role == SELF else by
