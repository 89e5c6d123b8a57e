"""One-time links by which a person whose password is forgotten chooses a new one."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sketchmaker.accounts import sessions
from sketchmaker.accounts.deletion import NOBODYS_HASH
from sketchmaker.accounts.errors import ResetLinkInvalid, UserNotFound
from sketchmaker.accounts.tables import PasswordResetLink, User
from sketchmaker.limits import uses
from sketchmaker.limits.rules import Action
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.trail import record

LIFETIME = timedelta(hours=24)


def issue(
    session: Session, *, user_id: int, token: str, now: datetime, by: Actor, reason: str
) -> datetime:
    """Let `token` open the account once; gives until when (UTC). An earlier link ends.

    Raises:
        UserNotFound: nobody has that number, or they have left.
    """
    user = session.scalar(select(User).where(User.id == user_id).with_for_update())
    if user is None or user.password_hash == NOBODYS_HASH:
        raise UserNotFound(user_id)
    session.execute(delete(PasswordResetLink).where(PasswordResetLink.user_id == user_id))
    link = PasswordResetLink(
        token_hash=_hash(token), user_id=user_id, created_at=now, expires_at=now + LIFETIME
    )
    session.add(link)
    session.flush()
    subject, until = Subject.user(user_id, user.username), link.expires_at.isoformat()
    facts = {"expires_at": until}
    record(
        session, by, "password_link_made", subject, before=None, after=facts, reason=reason, now=now
    )
    return link.expires_at


def find(session: Session, token: str, *, now: datetime) -> User:
    """Whose password the link sets.

    Raises:
        ResetLinkInvalid: it was used, has expired, or never was one.
    """
    user = session.scalar(
        select(User)
        .join(PasswordResetLink, PasswordResetLink.user_id == User.id)
        .where(
            PasswordResetLink.token_hash == _hash(token),
            PasswordResetLink.expires_at > now,
            User.is_active,
        )
    )
    if user is None:
        raise ResetLinkInvalid
    return user


def use(
    session: Session, token: str, *, new_hash: str, now: datetime, by: Actor, reason: str
) -> int:
    """Put the new password in force and use the link up; gives the number of its user.

    Raises:
        ResetLinkInvalid: it was used, has expired, or never was one.
    """
    user_id: int | None = session.scalar(
        delete(PasswordResetLink)
        .where(PasswordResetLink.token_hash == _hash(token), PasswordResetLink.expires_at > now)
        .returning(PasswordResetLink.user_id)
    )
    if user_id is None:
        raise ResetLinkInvalid
    set_password(session, user_id=user_id, new_hash=new_hash, now=now, by=by, reason=reason)
    return user_id


def set_password(
    session: Session, *, user_id: int, new_hash: str, now: datetime, by: Actor, reason: str
) -> None:
    """Put a new password in force without the old one: every session and every link ends."""
    username = session.scalar(
        update(User)
        .where(User.id == user_id)
        .values(password_hash=new_hash, password_changed_at=now)
        .returning(User.username)
    )
    subject, done = Subject.user(user_id, username or ""), "password_set"
    record(session, by, done, subject, before=None, after=None, reason=reason, now=now)
    session.execute(delete(PasswordResetLink).where(PasswordResetLink.user_id == user_id))
    sessions.revoke_others(session, user_id=user_id, keep_session_id=None, now=now)
    uses.clear_account(session, Action.SIGN_IN, uses.account_of(user_id))


def forget_expired(session: Session, *, now: datetime) -> int:
    """Delete links that have expired; gives how many."""
    gone = delete(PasswordResetLink).where(PasswordResetLink.expires_at <= now)
    return len(session.scalars(gone.returning(PasswordResetLink.user_id)).all())


def _hash(token: str) -> str:
    # A token has 256 random bits: nobody can try them all, so a fast hash without salt will do.
    return hashlib.sha256(token.encode()).hexdigest()
