"""What every page knows by itself: who reads it, the navigation, the balance in the header."""

from dataclasses import dataclass
from typing import Any, Final, cast

from flask import Flask, g, request, url_for
from flask_login import current_user

from sketchmaker.accounts.roles import Role
from sketchmaker.credits.reading import statement
from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.studio import generations
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.sign_in_session import CurrentUser


@dataclass(frozen=True)
class NavigationItem:
    """One entry of a navigation: where it leads, and whether the reader is there."""

    label: str
    icon: str
    url: str
    is_current: bool = False
    is_page: bool = False


FOR_PEOPLE: Final = (
    ("Studio", "brush", "studio.show"),
    ("Gallery", "photo", "gallery.show"),
    ("Dashboard", "gauge", "dashboard.show"),
    ("Pricing", "tag", "pricing.show"),
)
FOR_ADMINS: Final = (("Admin", "shield-lock", "admin_subscriptions.show"),)
FOR_VISITORS: Final = (("Pricing", "tag", "pricing.show"),)
ADMIN_SECTIONS: Final = (
    ("Subscriptions", "users", "admin_subscriptions.show"),
    ("Scheduled jobs", "calendar-repeat", "admin_subscriptions.scheduled_jobs"),
)


def install(app: Flask) -> None:
    """Give every template the viewer, the navigation and the header's balance."""

    @app.context_processor
    def _for_every_page() -> dict[str, Any]:
        return {
            "viewer": viewer(),
            "frame_is_bare": bool(g.get("frame_is_bare")),
            "navigation": navigation,
            "admin_sections": admin_sections,
            "header_statement": header_statement,
            "work_under_way": work_under_way,
            "register_url": _register_url(),
            "contact": parts().settings.contact,
        }


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


def _register_url() -> str | None:
    """Where a visitor can make an account; None where nobody can by themselves."""
    return url_for("register.show") if parts().settings.is_registration_open else None


def header_statement() -> Statement | None:
    """The signed-in person's credits, for the header; None without a plan."""
    person = viewer()
    if person is None:
        return None
    try:
        with parts().database.reading() as session:
            return statement.statement_for(session, person.id, now=parts().clock.now())
    except NoActiveSubscription:
        return None


def work_under_way() -> int:
    """How many of the signed-in person's generations wait or run, for the header's sign."""
    person = viewer()
    if person is None:
        return 0
    with parts().database.reading() as session:
        return len(generations.active_for_user(session, user_id=person.id))


def navigation() -> list[NavigationItem]:
    """The main navigation of this reader."""
    person = viewer()
    if person is None:
        return _items(FOR_VISITORS)
    return _items(FOR_PEOPLE + (FOR_ADMINS if person.role.at_least(Role.ADMIN) else ()))


def admin_sections() -> list[NavigationItem]:
    """The navigation inside the admin pages."""
    return _items(ADMIN_SECTIONS, by_section=False)


def _items(
    entries: tuple[tuple[str, str, str], ...], *, by_section: bool = True
) -> list[NavigationItem]:
    here = request.endpoint or ""
    return [
        NavigationItem(
            label,
            icon,
            url_for(endpoint),
            is_current=here == endpoint or (by_section and _section(here) == _section(endpoint)),
            is_page=here == endpoint,
        )
        for label, icon, endpoint in entries
    ]


def _section(endpoint: str) -> str:
    blueprint = endpoint.split(".", 1)[0]
    return "admin" if blueprint.startswith("admin") else blueprint
