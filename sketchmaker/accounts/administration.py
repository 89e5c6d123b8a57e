"""What admins decide about an account: its role, and whether it is switched on.

Who may decide what: an admin about users, a superadmin also about admins. Nobody can leave the
installation without an active superadmin, because nobody could make another one.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.accounts.deletion import NOBODYS_HASH
from sketchmaker.accounts.errors import AlreadySo, LastSuperadmin, UserNotFound
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.record.actor import Actor, Subject
from sketchmaker.record.trail import record


def may_decide_about(role: Role, other: Role) -> bool:
    """Whether somebody of this role may decide about an account of the other."""
    return role == Role.SUPERADMIN or (role == Role.ADMIN and other == Role.USER)


def refuse_last_superadmin(session: Session, *, user_id: int) -> None:
    """Make sure that another active superadmin stays, until the transaction ends.

    Raises:
        LastSuperadmin: this is the only one.
    """
    # Locked in order and before anything else, so that two who go at once wait for each other
    # and the second finds the first gone.
    theirs = select(User.id).where(User.role == Role.SUPERADMIN, User.is_active).order_by(User.id)
    if list(session.scalars(theirs.with_for_update())) == [user_id]:
        raise LastSuperadmin


def set_role(
    session: Session, *, user_id: int, role: Role, now: datetime, by: Actor, reason: str
) -> Role:
    """Give the account another role, which counts from its next request on; gives the one before.

    Raises:
        UserNotFound: nobody has that number, or they have left.
        AlreadySo: it has this role.
        LastSuperadmin: this is the only active superadmin.
        ReasonMissing: the actor does not say why.
    """
    if role != Role.SUPERADMIN:
        refuse_last_superadmin(session, user_id=user_id)
    user = _locked(session, user_id)
    before = Role(user.role)
    if before == role:
        raise AlreadySo(f"{user.username} is {role} already.")
    user.role = role
    session.flush()
    record(
        session,
        by,
        "role_changed",
        Subject.user(user_id, user.username),
        before={"role": str(before)},
        after={"role": str(role)},
        reason=reason,
        now=now,
    )
    return before


def set_active(
    session: Session, *, user_id: int, is_active: bool, now: datetime, by: Actor, reason: str
) -> None:
    """Switch the account on or off. Off, nobody is signed in by it from the next request on.

    Raises:
        UserNotFound: nobody has that number, or they have left.
        AlreadySo: it is so already.
        LastSuperadmin: this is the only active superadmin.
        ReasonMissing: the actor does not say why.
    """
    if not is_active:
        refuse_last_superadmin(session, user_id=user_id)
    user = _locked(session, user_id)
    if user.is_active == is_active:
        state = "active" if is_active else "deactivated"
        raise AlreadySo(f"{user.username} is {state} already.")
    user.is_active = is_active
    session.flush()
    record(
        session,
        by,
        "account_reactivated" if is_active else "account_deactivated",
        Subject.user(user_id, user.username),
        before={"is_active": not is_active},
        after={"is_active": is_active},
        reason=reason,
        now=now,
    )


def _locked(session: Session, user_id: int) -> User:
    user = session.scalar(select(User).where(User.id == user_id).with_for_update())
    # Who has left can't come back under the same number.
    if user is None or user.password_hash == NOBODYS_HASH:
        raise UserNotFound(user_id)
    return user
