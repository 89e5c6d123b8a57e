"""People for tests of accounts and of the web."""

from datetime import datetime

from sqlalchemy import update

from sketchmaker.accounts import registration, sessions, sign_in
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.sessions import SignedIn
from sketchmaker.accounts.tables import SignInSession, User
from sketchmaker.database import Database

PASSWORD = "a cloud over the lake"
NEW_PASSWORD = "two herons at the weir"
ADDRESS = "203.0.113.7"


def registered(database: Database, username: str, *, now: datetime, role: Role = Role.USER) -> User:
    """An account with `PASSWORD` and the address username@example.org."""
    prepared = registration.prepare(
        username=username, email=f"{username}@example.org", password=PASSWORD, role=role
    )
    with database.transaction() as session:
        return registration.register(session, prepared, now=now)


def guess(
    database: Database,
    login: str,
    password: str,
    *,
    now: datetime,
    address: str = ADDRESS,
    token: str = "token",
) -> SignInSession | None:
    """One whole attempt to sign in, as a page does it; None when the password was wrong."""
    with database.transaction() as session:
        pending = sign_in.begin_attempt(session, login=login, address=address, now=now)
    if not sign_in.verify(pending, password):
        return None
    with database.transaction() as session:
        return sign_in.complete(
            session, pending, token=token, address=address, user_agent="Test", now=now
        )


def signed_in(database: Database, token: str, *, now: datetime) -> SignedIn | None:
    """Who holds this token."""
    with database.reading() as session:
        return sessions.find(session, token, now=now)


def set_user(database: Database, user: User, **values: object) -> None:
    """Change a user's row as an admin would."""
    with database.transaction() as session:
        session.execute(update(User).where(User.id == user.id).values(**values))
