"""A cookie by which a browser proves that somebody has signed in with it before.

It opens nothing. It only keeps guesses that strangers make elsewhere from keeping the owner out,
so it outlives the sign-in.
"""

from typing import Final

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from sketchmaker.accounts import sessions
from sketchmaker.accounts.sign_in import KnownBrowser
from sketchmaker.randomness import token

COOKIE: Final = "sketchmaker_browser"


def known_browser() -> KnownBrowser | None:
    """Who has signed in with this browser last; None for nobody."""
    try:
        user_id, name = _serializer().loads(request.cookies.get(COOKIE, ""))
    except BadSignature:
        return None
    return KnownBrowser(user_id=user_id, name=name)


def remember(user_id: int) -> None:
    """Let the answer to this request give the browser its cookie for this user."""
    known = known_browser()
    name = known.name if known and known.user_id == user_id else token()
    value = str(_serializer().dumps([user_id, name]))

    @after_this_request
    def give(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            value,
            max_age=sessions.LONGEST_LIFE,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
        return response


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt="sketchmaker known browser")
