"""Changing one's own password: only with the one in force, and every session ends.

This browser gets a new session with a new token, so that a copied cookie is worth nothing.

The current password is a guess like any other, so it goes through `sign_in.begin_attempt` and
`sign_in.verify` first: who finds an open browser can't try passwords without end.
"""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from sketchmaker.accounts import passwords, sessions, sign_in
from sketchmaker.accounts.errors import UnacceptablePassword, WrongCurrentPassword
from sketchmaker.accounts.sign_in import PendingAttempt
from sketchmaker.accounts.tables import User
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.trail import record


def check_new(*, current: str, new: str, username: str, email: str) -> None:
    """Refuse a new password that can't be used. Call it before the attempt: it is not a guess.

    Raises:
        UnacceptablePassword: too short, too long, too easily guessed, or the one typed as current.
    """
    if new == current:
        raise UnacceptablePassword("This is your current password. Choose a new one.")
    if problem := passwords.check_strength(new, username=username, email=email):
        raise UnacceptablePassword(problem)


def prepare(pending: PendingAttempt, *, current: str, new: str) -> str:
    """Check the current password and hash the new one. Slow: call it outside any transaction.

    Raises:
        WrongCurrentPassword: the current one is not right.
    """
    if not passwords.verify_password(pending.password_hash, current):
        raise WrongCurrentPassword
    return passwords.hash_password(new)


def change(
    session: Session,
    pending: PendingAttempt,
    *,
    new_hash: str,
    token: str,
    address: str,
    user_agent: str,
    now: datetime,
    by: Actor,
    reason: str,
) -> int:
    """Put the new password in force, end all sessions and open one; gives how many ended.

    Raises:
        WrongCurrentPassword: it was changed from elsewhere in the meantime.
    """
    changed = session.scalar(
        update(User)
        .where(User.id == pending.user_id, User.password_hash == pending.password_hash)
        .values(password_hash=new_hash, password_changed_at=now)
        .returning(User.id)
    )
    if changed is None:
        raise WrongCurrentPassword
    subject, done = Subject.user(changed, by.name), "password_changed"
    record(session, by, done, subject, before=None, after=None, reason=reason, now=now)
    sign_in.mark_right(session, pending)
    ended = sessions.revoke_others(session, user_id=changed, keep_session_id=None, now=now)
    sessions.start(
        session, user_id=changed, token=token, address=address, user_agent=user_agent, now=now
    )
    return ended
