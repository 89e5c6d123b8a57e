"""What people set for themselves."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from sketchmaker.accounts.errors import UnknownTimeZone
from sketchmaker.accounts.tables import User
from sketchmaker.accounts.time_zones import is_time_zone


def set_time_zone(session: Session, *, user_id: int, time_zone: str) -> None:
    """Show this person's dates in another time zone. The moments of their resets stay.

    Raises:
        UnknownTimeZone: not an IANA name.
    """
    if not is_time_zone(time_zone):
        raise UnknownTimeZone(time_zone)
    session.execute(update(User).where(User.id == user_id).values(time_zone=time_zone))
