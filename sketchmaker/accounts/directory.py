"""Finding people. Nothing here changes anything."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from sketchmaker.accounts import names
from sketchmaker.accounts.deletion import NOBODYS_HASH
from sketchmaker.accounts.errors import LoginNotFound
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User


def find_by_login(session: Session, login: str) -> User | None:
    """The person with this username or e-mail address, in whatever capitals."""
    key = names.key(login)
    # PostgreSQL refuses a text with this character, and no name has it.
    if "\0" in key:
        return None
    # A username has no "@" and an address always does, so a login can't mean two people.
    column = User.email_key if "@" in key else User.username_key
    return session.scalars(select(User).where(column == key)).one_or_none()


def get_by_login(session: Session, login: str) -> User:
    """The person with this username or e-mail address.

    Raises:
        LoginNotFound: nobody has it.
    """
    user = find_by_login(session, login)
    if user is None:
        raise LoginNotFound(login)
    return user


def everybody(session: Session) -> list[User]:
    """All accounts in order of their numbers, those of people who left not included."""
    here = User.password_hash != NOBODYS_HASH
    return list(session.scalars(select(User).where(here).order_by(User.id)))


def superadmin_exists(session: Session) -> bool:
    """Whether anybody active has the highest role."""
    anybody = exists().where(User.role == Role.SUPERADMIN, User.is_active)
    return bool(session.scalar(select(anybody)))
