"""Sign-in sessions: opened at sign-in, found by the cookie's token, ended one by one or at once.

A session lasts 30 days after it was last seen, and never longer than 180 days in all. A person has
at most 20; one more ends the one that was not seen for longest.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from sketchmaker.accounts.errors import SignInSessionNotFound
from sketchmaker.accounts.tables import SignInSession, User

IDLE_LIFE = timedelta(days=30)
LONGEST_LIFE = timedelta(days=180)
# Often enough for "last seen", seldom enough that reading pages does not write.
TOUCH_INTERVAL = timedelta(minutes=5)
MOST_OPEN = 20

_USER_AGENT_LONGEST = 300
_ADDRESS_LONGEST = 64


@dataclass(frozen=True)
class SignedIn:
    """A person and the session by which they are signed in, as they are at this request."""

    user: User
    session: SignInSession

    def is_touch_due(self, now: datetime) -> bool:
        """Whether `touch` would write."""
        return now - self.session.last_seen_at >= TOUCH_INTERVAL


def start(
    session: Session, *, user_id: int, token: str, address: str, user_agent: str, now: datetime
) -> SignInSession:
    """Open a session for a token that was never used before; the oldest beyond the most ends."""
    opened = SignInSession(
        user_id=user_id,
        token_hash=_hash(token),
        created_at=now,
        last_seen_at=now,
        expires_at=now + IDLE_LIFE,
        address=_printable(address, _ADDRESS_LONGEST),
        user_agent=_printable(user_agent, _USER_AGENT_LONGEST),
    )
    session.add(opened)
    session.flush()
    too_many = [row.id for row in list_open(session, user_id, now=now)[MOST_OPEN:]]
    if too_many:
        _end(session, now, SignInSession.id.in_(too_many))
    return opened


def find(session: Session, token: str, *, now: datetime) -> SignedIn | None:
    """Who holds this token; None when it is unknown, ended, or its user is deactivated."""
    row = session.execute(
        select(User, SignInSession)
        .join(SignInSession, SignInSession.user_id == User.id)
        .where(SignInSession.token_hash == _hash(token), _is_open(now), User.is_active)
    ).one_or_none()
    return SignedIn(user=row[0], session=row[1]) if row else None


def touch(session: Session, signed_in: SignedIn, *, now: datetime) -> None:
    """Note that the session is in use, which makes it last longer."""
    longest = signed_in.session.created_at + LONGEST_LIFE
    session.execute(
        update(SignInSession)
        .where(SignInSession.id == signed_in.session.id, _is_open(now))
        .values(last_seen_at=now, expires_at=min(now + IDLE_LIFE, longest))
    )


def list_open(session: Session, user_id: int, *, now: datetime) -> list[SignInSession]:
    """A person's open sessions, the one seen last first."""
    mine = select(SignInSession).where(SignInSession.user_id == user_id, _is_open(now))
    return list(
        session.scalars(mine.order_by(SignInSession.last_seen_at.desc(), SignInSession.id.desc()))
    )


def addresses(session: Session, user_id: int) -> set[str]:
    """Where a person has signed in from, as far back as sessions are remembered."""
    mine = select(SignInSession.address).where(SignInSession.user_id == user_id)
    return set(session.scalars(mine.distinct()))


def revoke(session: Session, *, user_id: int, session_id: int, now: datetime) -> None:
    """End one session of this person.

    Raises:
        SignInSessionNotFound: the person has no open session of that number.
    """
    if not _end(session, now, SignInSession.user_id == user_id, SignInSession.id == session_id):
        raise SignInSessionNotFound(session_id)


def revoke_others(
    session: Session, *, user_id: int, keep_session_id: int | None, now: datetime
) -> int:
    """End every session of this person but one (all of them with None); gives how many ended."""
    mine = SignInSession.user_id == user_id
    if keep_session_id is None:
        return _end(session, now, mine)
    return _end(session, now, mine, SignInSession.id != keep_session_id)


def forget_ended(session: Session, *, now: datetime, limit: int = 1000) -> int:
    """Delete sessions that expired more than a month ago, at most `limit`; gives how many."""
    past = SignInSession.expires_at < now - IDLE_LIFE
    some = select(SignInSession.id).where(past).order_by(SignInSession.expires_at).limit(limit)
    gone = session.scalars(
        delete(SignInSession).where(SignInSession.id.in_(some)).returning(SignInSession.id)
    )
    return len(gone.all())


def _end(session: Session, now: datetime, *which: ColumnElement[bool]) -> int:
    ending = update(SignInSession).where(_is_open(now), *which).values(revoked_at=now)
    return len(session.scalars(ending.returning(SignInSession.id)).all())


def _is_open(now: datetime) -> ColumnElement[bool]:
    return SignInSession.revoked_at.is_(None) & (SignInSession.expires_at > now)


def _hash(token: str) -> str:
    # A token has 256 random bits: nobody can try them all, so a fast hash without salt will do.
    return hashlib.sha256(token.encode()).hexdigest()


def _printable(text: str, longest: int) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:longest]
