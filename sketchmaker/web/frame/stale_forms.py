"""Forms whose token is no longer good: their person signed out, or in again, in another tab.

Nobody has done anything wrong, and nothing that was typed may be lost. htmx gets a fresh token and
sends the form once more; whoever is signed out is led to sign in.
"""

from typing import Final

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, generate_csrf

from sketchmaker import logs
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.web.frame.access import (
    ask_to_sign_in,
    load_the_page_again,
    policy_of,
    shows_somebody_else,
)
from sketchmaker.web.frame.error_responses import Answer, is_fragment_request, respond
from sketchmaker.web.frame.viewer import viewer

OUT_OF_DATE: Final = Answer(400, "This page is out of date")

CSRF_HEADER: Final = "X-CSRFToken"


def install(app: Flask) -> None:
    """Answer every form that comes without a good token."""
    app.register_error_handler(CSRFError, answer)


def answer(error: CSRFError) -> ResponseReturnValue:
    """Fresh token, sign-in page or a sentence: whatever brings this person on."""
    logs.security("form refused", level="warning", reason=error.description)
    try:
        person = viewer()
    except DatabaseUnavailable:  # the form is no better for it
        return respond(OUT_OF_DATE, "Go back, reload the page, and try again.")
    if person is None and _is_for_people_with_an_account():
        return ask_to_sign_in()
    if person is not None and is_fragment_request():
        # What is on a page of somebody else is not for this person to pay.
        return load_the_page_again(status=400) if shows_somebody_else() else _send_again()
    return respond(OUT_OF_DATE, "Go back, reload the page, and try again.")


def _is_for_people_with_an_account() -> bool:
    policy = policy_of(current_app, request.endpoint) if request.endpoint else None
    return policy is not None and policy.role is not None


def _send_again() -> Response:
    response = respond(OUT_OF_DATE, "Reload the page and try again.")
    response.headers[CSRF_HEADER] = generate_csrf()
    return response
