"""What every page knows by itself: who reads it, the navigation, the balance in the header."""

from typing import Any

from flask import Flask, g, url_for

from sketchmaker.credits.reading import statement
from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.studio import generations
from sketchmaker.web.frame.navigation import console_navigation, navigation
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time
from sketchmaker.web.frame.viewer import viewer


def install(app: Flask) -> None:
    """Give every template the viewer, the navigation and the header's balance."""

    @app.context_processor
    def _for_every_page() -> dict[str, Any]:
        return {
            "viewer": viewer(),
            "frame_is_bare": bool(g.get("frame_is_bare")),
            "navigation": navigation,
            "console_navigation": console_navigation,
            "header_statement": header_statement,
            "work_under_way": work_under_way,
            "register_url": _register_url(),
            "contact": parts().settings.contact,
        }


def header_statement() -> Statement | None:
    """The signed-in person's credits, for the header; None without a plan."""
    person = viewer()
    if person is None:
        return None
    try:
        with reading() as session:
            return statement.statement_for(session, person.id, now=request_time())
    except NoActiveSubscription:
        return None


def work_under_way() -> int:
    """How many of the signed-in person's generations wait or run, for the header's sign."""
    person = viewer()
    if person is None:
        return 0
    with reading() as session:
        return len(generations.active_for_user(session, user_id=person.id))


def _register_url() -> str | None:
    """Where a visitor can make an account; None where nobody can by themselves."""
    return url_for("register.show") if parts().settings.is_registration_open else None
