"""Making an account, in two steps: `prepare` is slow and needs no database, `register` is quick."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.accounts import names, passwords
from sketchmaker.accounts.errors import EmailTaken, InvalidRegistration, UsernameTaken
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User


@dataclass(frozen=True)
class Registration:
    """An account that may be made: everything checked, the password hashed."""

    username: str
    email: str
    password_hash: str = field(repr=False)
    role: Role
    time_zone: str


def prepare(
    *, username: str, email: str, password: str, time_zone: str = "UTC", role: Role = Role.USER
) -> Registration:
    """Check what a person typed and hash the password. Slow: call it outside any transaction.

    A time zone that is not in the IANA database becomes UTC: the browser chose it, not the person.

    Raises:
        InvalidRegistration: a sentence for each of `username`, `email`, `password` that is wrong.
    """
    username = username.strip()
    email, email_problem = names.read_email(email)
    found = {
        "username": names.username_problem(username),
        "email": email_problem,
        "password": passwords.check_strength(password, username=username, email=email),
    }
    if problems := {name: problem for name, problem in found.items() if problem}:
        raise InvalidRegistration(problems)
    return Registration(
        username=username,
        email=email,
        password_hash=passwords.hash_password(password),
        role=role,
        time_zone=time_zone if names.is_time_zone(time_zone) else "UTC",
    )


def register(session: Session, registration: Registration, *, now: datetime) -> User:
    """Add the account. The same name in other capitals is the same name.

    Raises:
        UsernameTaken, EmailTaken: also when somebody else is registering it at this very moment.
    """
    _refuse_taken(session, registration)
    user = User(
        username=registration.username,
        email=registration.email,
        username_key=names.key(registration.username),
        email_key=names.key(registration.email),
        password_hash=registration.password_hash,
        role=registration.role,
        time_zone=registration.time_zone,
        created_at=now,
        password_changed_at=now,
    )
    try:
        # A savepoint, so that the loser of a race can still ask what was taken.
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        _refuse_taken(session, registration)
        raise
    return user


def _refuse_taken(session: Session, registration: Registration) -> None:
    username_key, email_key = names.key(registration.username), names.key(registration.email)
    taken = select(User.username_key, User.email_key).where(
        (User.username_key == username_key) | (User.email_key == email_key)
    )
    for row in session.execute(taken):
        if row.username_key == username_key:
            raise UsernameTaken(registration.username)
        raise EmailTaken(registration.email)
