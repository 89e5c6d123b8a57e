"""Signing in, in three steps, so that no transaction is open while a password is checked:

`begin_attempt` (a transaction), `verify` (slow, no database), `complete` (a transaction).
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from sketchmaker.accounts import directory, names, passwords, sessions, throttle
from sketchmaker.accounts.errors import AccountDeactivated, WrongCredentials
from sketchmaker.accounts.tables import SignInSession, User


@dataclass(frozen=True)
class PendingAttempt:
    """A guess that is written down and not yet checked. For an unknown login there is no user."""

    attempt_id: int
    user_id: int | None
    password_hash: str | None = field(repr=False)


def begin_attempt(session: Session, *, login: str, address: str, now: datetime) -> PendingAttempt:
    """Write the guess down as failed. Commit before checking it, or parallel guesses go uncounted.

    Raises:
        SignInThrottled: too many failures for this account or from this address.
    """
    user = directory.find_by_login(session, login)
    attempt_id = throttle.record_guess(
        session,
        account=f"user {user.id}" if user else f"login {names.key(login)}",
        address=address,
        known_addresses=sessions.addresses(session, user.id) if user else (),
        now=now,
    )
    if user is None:
        return PendingAttempt(attempt_id, None, None)
    return PendingAttempt(attempt_id, user.id, user.password_hash)


def verify(pending: PendingAttempt, password: str) -> bool:
    """Whether the guess is right. Slow, as slow for a login that nobody has."""
    return passwords.verify_password(pending.password_hash, password)


def fresh_hash(pending: PendingAttempt, password: str) -> str | None:
    """A new hash for a right password whose hash is outdated, else None. Slow when it is."""
    if pending.password_hash is None or not passwords.is_outdated(pending.password_hash):
        return None
    return passwords.hash_password(password)


def complete(
    session: Session,
    pending: PendingAttempt,
    *,
    token: str,
    address: str,
    user_agent: str,
    now: datetime,
    new_hash: str | None = None,
) -> SignInSession:
    """After a right guess: open a sign-in session for `token` and clear the account's failures.

    Raises:
        WrongCredentials: the password was changed while it was being checked, or it was not right.
        AccountDeactivated: the account is switched off.
    """
    user = _hold_unchanged(session, pending, new_hash)
    if not user.is_active:
        raise AccountDeactivated
    throttle.mark_right(session, pending.attempt_id)
    return sessions.start(
        session, user_id=user.id, token=token, address=address, user_agent=user_agent, now=now
    )


def _hold_unchanged(session: Session, pending: PendingAttempt, new_hash: str | None) -> User:
    """Lock the user's row with the password that was checked.

    A change of password that runs at the same time either comes first, and this finds another hash,
    or waits, and then revokes the session that is about to be opened.
    """
    user = session.scalars(
        update(User)
        .where(User.id == pending.user_id, User.password_hash == pending.password_hash)
        .values(password_hash=new_hash or pending.password_hash)
        .returning(User)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if user is None:
        raise WrongCredentials
    return user
