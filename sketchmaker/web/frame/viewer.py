"""Who reads the page that is being made."""

from typing import cast

from flask import g
from flask_login import current_user

from sketchmaker.web.frame.sign_in_session import CurrentUser


def viewer() -> CurrentUser | None:
    """The person who is signed in, if anybody is (and if the database is there to say so)."""
    if g.get("frame_is_bare"):
        return None
    return cast(CurrentUser, current_user) if current_user.is_authenticated else None


def signed_in_viewer() -> CurrentUser:
    """The person who is signed in, on pages that nobody else reaches."""
    person = viewer()
    if person is None:
        raise RuntimeError("This view lacks @requires: nobody is signed in.")
    return person


def viewer_zone() -> str:
    """The zone in which the reader wants to read times; UTC for visitors."""
    person = viewer()
    return person.time_zone if person else "UTC"
