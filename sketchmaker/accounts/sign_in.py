"""Signing in, in three steps, so that no transaction is open while a password is checked:

`begin_attempt` (a transaction), `verify` (slow, no database), `complete` (a transaction).

A guess counts against its limits before it is checked, so guesses made in parallel count each
other; one that was right is given back and clears its account. Whoever guesses at an account must
not keep its owner out: in a browser or at an address from which the owner has signed in before,
guesses from elsewhere don't count.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from sketchmaker.accounts import directory, names, passwords, sessions
from sketchmaker.accounts.errors import AccountDeactivated, WrongCredentials
from sketchmaker.accounts.tables import SignInSession, User
from sketchmaker.limits import uses
from sketchmaker.limits.networks import address_of
from sketchmaker.limits.rules import Action, By
from sketchmaker.limits.uses import DECLARED_LIMITS, Limits, Who

_IN_A_KNOWN_BROWSER = {By.KNOWN_BROWSER}
_AT_A_KNOWN_ADDRESS = {By.KNOWN_ADDRESS, By.ADDRESS, By.NETWORK}
_FROM_ANYWHERE = {By.ACCOUNT, By.ADDRESS, By.NETWORK}


@dataclass(frozen=True)
class PendingAttempt:
    """A guess that is counted and not yet checked. For an unknown login there is no user."""

    use_id: int
    account: str
    user_id: int | None
    password_hash: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """A browser in which this user has signed in before, as its own cookie proves."""

    user_id: int
    name: str


def begin_attempt(
    session: Session,
    *,
    login: str,
    address: str,
    now: datetime,
    browser: KnownBrowser | None = None,
    limits: Limits = DECLARED_LIMITS,
) -> PendingAttempt:
    """Count the guess as wrong. Commit before checking it, or parallel guesses go uncounted.

    Raises:
        LimitReached: too many wrong passwords for this account or from this address.
    """
    user = directory.find_by_login(session, login)
    account = uses.account_of(user.id) if user else f"login {names.key(login)}"
    if user and browser and browser.user_id == user.id:
        who, by = Who(account, address, browser.name), _IN_A_KNOWN_BROWSER
    elif user and address_of(address) in map(address_of, sessions.addresses(session, user.id)):
        who, by = Who(account, address), _AT_A_KNOWN_ADDRESS
    else:
        who, by = Who(account, address), _FROM_ANYWHERE
    use_id = limits.take(session, Action.SIGN_IN, who, now=now, by=by)
    if user is None:
        return PendingAttempt(use_id, account, None, None)
    return PendingAttempt(use_id, account, user.id, user.password_hash)


def mark_right(session: Session, pending: PendingAttempt) -> None:
    """The guess was right: it does not count, nor do those at its account before it."""
    uses.give_back(session, pending.use_id)
    uses.clear_account(session, Action.SIGN_IN, pending.account)


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
    mark_right(session, pending)
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
