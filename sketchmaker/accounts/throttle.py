"""How often a password may be guessed, counted in the database and so by all processes together.

Every guess is written down as failed before it is checked, so guesses made in parallel count each
other; the one that was right is marked afterwards, and clears its account. After the free failures
each further one doubles the wait. Refused guesses are not counted: they tell the guesser nothing.

Whoever guesses at an account must not keep its owner out: where the owner has signed in before,
guesses from elsewhere don't count.
"""

import hashlib
import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.orm import Session

from sketchmaker.accounts.errors import SignInThrottled
from sketchmaker.accounts.tables import SignInAttempt


@dataclass(frozen=True)
class Limit:
    """So many failures within the window cost nothing; the next ones have to wait."""

    free_failures: int
    window: timedelta


ACCOUNT_LIMIT = Limit(free_failures=5, window=timedelta(hours=24))
# Generous, because a whole office may share one address.
ADDRESS_LIMIT = Limit(free_failures=20, window=timedelta(hours=1))
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)


def record_guess(
    session: Session,
    *,
    account: str,
    address: str,
    now: datetime,
    known_addresses: Collection[str] = (),
) -> int:
    """Write down that a password is about to be checked; gives the number of the attempt.

    `account` is any text that stands for the account, also one that does not exist. At the owner's
    `known_addresses` only the failures from there count for the account.

    Raises:
        SignInThrottled: too many failures for the account or from the address.
    """
    account_key = hashlib.sha256(account.encode()).hexdigest()
    network = _network(address)
    _wait_for_other_guesses(session, account_key, network)
    from_here = SignInAttempt.address == network
    at_account = _since_success(account_key)
    if network in map(_network, known_addresses):
        at_account &= from_here
    retry_at = max(
        _retry_at(session, at_account, ACCOUNT_LIMIT, now),
        _retry_at(session, from_here, ADDRESS_LIMIT, now),
    )
    if retry_at > now:
        raise SignInThrottled(retry_at, now=now)
    attempt = SignInAttempt(account_key=account_key, address=network, attempted_at=now)
    session.add(attempt)
    session.flush()
    return attempt.id


def mark_right(session: Session, attempt_id: int) -> None:
    """The guess was right: the failures of its account before it no longer count."""
    right = update(SignInAttempt).where(SignInAttempt.id == attempt_id).values(succeeded=True)
    session.execute(right)


def forget_old_attempts(session: Session, *, now: datetime, limit: int = 1000) -> int:
    """Delete attempts that no longer count, the oldest first, at most `limit`; gives how many."""
    past = now - max(ACCOUNT_LIMIT.window, ADDRESS_LIMIT.window)
    old = select(SignInAttempt.id).where(SignInAttempt.attempted_at < past)
    some = old.order_by(SignInAttempt.attempted_at).limit(limit)
    gone = session.scalars(
        delete(SignInAttempt).where(SignInAttempt.id.in_(some)).returning(SignInAttempt.id)
    )
    return len(gone.all())


def _retry_at(
    session: Session, whose: ColumnElement[bool], limit: Limit, now: datetime
) -> datetime:
    failures, last = session.execute(
        select(func.count(), func.max(SignInAttempt.attempted_at)).where(
            whose,
            SignInAttempt.succeeded.is_(False),
            SignInAttempt.attempted_at > now - limit.window,
            # Rows from a clock that once stood far ahead must not lock anybody out until then.
            SignInAttempt.attempted_at <= now + LONGEST_WAIT,
        )
    ).one()
    excess = failures - limit.free_failures
    if excess < 0 or last is None:
        return now
    # The exponent is bounded, so that a thousand failures don't overflow.
    wait: timedelta = min(FIRST_WAIT * 2 ** min(excess, 16), LONGEST_WAIT)
    return max(now, last + wait)


def _since_success(account_key: str) -> ColumnElement[bool]:
    right = select(func.coalesce(func.max(SignInAttempt.id), 0)).where(
        SignInAttempt.account_key == account_key, SignInAttempt.succeeded
    )
    return (SignInAttempt.account_key == account_key) & (SignInAttempt.id > right.scalar_subquery())


def _wait_for_other_guesses(session: Session, *keys: str) -> None:
    """Let one guess at a time through for an account and an address, until the transaction ends.

    SQLite has one writer anyway. On PostgreSQL two transactions would each count without the other.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    digests = (hashlib.sha256(f"sign-in:{key}".encode()).digest() for key in keys)
    # In order of their numbers, so that two guesses can't each hold what the other waits for.
    for number in sorted(int.from_bytes(digest[:8], signed=True) for digest in digests):
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _network(address: str) -> str:
    """What counts as one address: an IPv6 customer owns a whole /64 and could try each in turn."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed.packed, 64), strict=False))
    return str(parsed)
