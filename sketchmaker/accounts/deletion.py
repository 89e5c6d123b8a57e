"""Deleting an account: the person goes, the number stays, because the books refer to it."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from sketchmaker.accounts import letters
from sketchmaker.accounts.errors import UserNotFound
from sketchmaker.accounts.tables import PasswordResetLink, SignInSession, User
from sketchmaker.limits import uses
from sketchmaker.record import outbox
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.trail import record

NOBODYS_HASH = "!"
"""No password has it, so nobody can sign in."""


def pseudonymise(session: Session, *, user_id: int, now: datetime, by: Actor, reason: str) -> None:
    """Take name, address and password off the account, and erase from where it was used.

    The name and the address can be registered again. It can't be undone.

    Raises:
        UserNotFound: nobody has that number.
    """
    user = session.get(User, user_id)
    if user is None:
        raise UserNotFound(user_id)
    subject = Subject.user(user_id, user.username)
    record(session, by, "account_deleted", subject, before=None, after=None, reason=reason, now=now)
    session.execute(delete(PasswordResetLink).where(PasswordResetLink.user_id == user_id))
    session.execute(delete(SignInSession).where(SignInSession.user_id == user_id))
    uses.forget_account(session, uses.account_of(user_id))
    outbox.erase_subject(session, letters.subject_of_address(user.email))
    # With a space, which no form accepts: nobody can have taken this name before.
    user.username = user.username_key = f"deleted {user_id}"
    user.email = user.email_key = f"deleted-{user_id}@deleted.invalid"
    user.password_hash = NOBODYS_HASH
    user.is_active = False
    user.email_unconfirmed_since = None
    user.time_zone = "UTC"
    session.flush()
