"""Making an account: `problems` checks what was typed, `hashed` is slow, `register` adds it.

A stranger's sign-up is limited before it costs anything: `count_form` before a name is looked up,
`count_account` before the password is hashed. Each is a short transaction of its own.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.accounts import names, passwords
from sketchmaker.accounts.errors import EmailTaken, InvalidRegistration, UsernameTaken
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.accounts.time_zones import is_time_zone
from sketchmaker.limits.rules import Action
from sketchmaker.limits.uses import Limits, Who


@dataclass(frozen=True)
class Registration:
    """An account that may be made: everything checked, the password hashed."""

    username: str
    email: str
    password_hash: str = field(repr=False)
    role: Role
    time_zone: str


@dataclass(frozen=True)
class Application:
    """An account that somebody asks for; `problems` has a sentence for each field that is wrong."""

    username: str
    email: str
    password: str = field(repr=False)
    time_zone: str
    problems: dict[str, str]

    def hashed(self, role: Role = Role.USER) -> Registration:
        """The account to be made. Slow: call it outside any transaction."""
        return Registration(
            username=self.username,
            email=self.email,
            password_hash=passwords.hash_password(self.password),
            role=role,
            time_zone=self.time_zone,
        )


def prepare(
    *, username: str, email: str, password: str, time_zone: str = "UTC", role: Role = Role.USER
) -> Registration:
    """Check what a person typed and hash the password. Slow: call it outside any transaction.

    A time zone that is not in the IANA database becomes UTC: the browser chose it, not the person.

    Raises:
        InvalidRegistration: a sentence for each of `username`, `email`, `password` that is wrong.
    """
    application = read(username=username, email=email, password=password, time_zone=time_zone)
    if application.problems:
        raise InvalidRegistration(application.problems)
    return application.hashed(role)


def read(*, username: str, email: str, password: str, time_zone: str) -> Application:
    """What a person typed, in its normal form, with everything that is wrong with it."""
    username = username.strip()
    email, email_problem = names.read_email(email)
    found = {
        "username": names.username_problem(username),
        "email": email_problem,
        "password": passwords.check_strength(password, username=username, email=email),
    }
    return Application(
        username=username,
        email=email,
        password=password,
        time_zone=time_zone if is_time_zone(time_zone) else "UTC",
        problems={name: problem for name, problem in found.items() if problem},
    )


def count_form(session: Session, *, address: str, now: datetime, limits: Limits) -> None:
    """Count a form whose name is going to be looked up. Commit before looking.

    Raises:
        LimitReached: too many forms were sent from there.
    """
    limits.take(session, Action.SIGN_UP_FORM, Who(address=address), now=now)


def with_name_looked_up(session: Session, application: Application) -> Application:
    """The application, with a problem more when its username is somebody's or reserved.

    Nothing is said of its e-mail address here: whether that has an account is told only to whoever
    would otherwise get one, which is limited more.
    """
    taken = select(User.id).where(User.username_key == names.key(application.username))
    is_free = not names.is_reserved(application.username) and session.scalar(taken) is None
    if "username" in application.problems or is_free:
        return application
    problem = str(UsernameTaken(application.username))
    return replace(application, problems={"username": problem, **application.problems})


def count_account(
    session: Session, application: Application, *, address: str, now: datetime, limits: Limits
) -> None:
    """Count the account that is about to be made. Commit before hashing its password.

    Raises:
        InvalidRegistration: something is wrong with the application.
        LimitReached: too many accounts were made, from there, with this mailbox or in all.
    """
    if application.problems:
        raise InvalidRegistration(application.problems)
    who = Who(account=f"mailbox {names.mailbox(application.email)}", address=address)
    limits.take(session, Action.SIGN_UP, who, now=now)


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
    # The name first, always: whoever sends a taken name learns nothing of the address beside it.
    if session.scalar(select(User.id).where(User.username_key == username_key)) is not None:
        raise UsernameTaken(registration.username)
    if session.scalar(select(User.id).where(User.email_key == email_key)) is not None:
        raise EmailTaken(registration.email)
