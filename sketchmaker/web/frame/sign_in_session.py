"""The browser's side of a sign-in: a signed cookie with the token of a sign-in session, no more.

Flask-Login asks here who holds the token, once for each request, so that a revoked session, a
deactivated person and a changed role count from the next request on.
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

import flask
from flask import Flask, request
from flask_login import LoginManager, current_user, login_user, logout_user

from sketchmaker import logs
from sketchmaker.accounts import sessions, sign_in
from sketchmaker.accounts.errors import SignInSessionNotFound, WrongCredentials
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.sessions import SignedIn
from sketchmaker.randomness import token
from sketchmaker.web.frame import known_browsers
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction


@dataclass(frozen=True)
class CurrentUser:
    """The person of this request, as they are now. `current_user` is one of these, or anonymous."""

    id: int
    username: str
    email: str
    role: Role
    time_zone: str
    created_at: datetime
    is_email_unconfirmed: bool
    session_id: int
    token: str = field(repr=False)

    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    def get_id(self) -> str:
        """What Flask-Login keeps in the cookie: the token, not the number of the user."""
        return self.token


def install(app: Flask) -> None:
    """Give the application `current_user`, and its cookie the life of a sign-in."""
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # Renewed by `_find` when a visit is noted, and so never with a file that caches may keep.
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=sessions.IDLE_LIFE,
        # Flask-Login would compare browser and address; our sessions are revoked in the database.
        SESSION_PROTECTION=None,
    )
    manager = LoginManager(app, add_context_processor=False)
    manager.user_loader(_find)


def sign_in_with_password(login: str, password: str) -> None:
    """Check the password and sign this browser in.

    Raises:
        LimitReached, WrongCredentials, AccountDeactivated: nobody is signed in.
    """
    now = request_time()
    with transaction() as session:
        pending = sign_in.begin_attempt(
            session,
            login=login,
            address=address(),
            now=now,
            browser=known_browsers.known_browser(),
            limits=parts().limits,
        )
    if not sign_in.verify(pending, password):
        logs.security("sign-in failed", level="warning", user=pending.user_id)
        raise WrongCredentials
    new_hash = sign_in.fresh_hash(pending, password)
    opened_with = token()
    with transaction() as session:
        opened = sign_in.complete(
            session,
            pending,
            token=opened_with,
            address=address(),
            user_agent=user_agent(),
            now=now,
            new_hash=new_hash,
        )
    logs.security("sign-in", user=opened.user_id)
    keep_token(opened_with)


def keep_token(new_token: str) -> None:
    """Give this browser the token of a session that was just opened, and forget all it had before.

    A cookie that somebody planted in the browser beforehand is worth nothing afterwards.
    """
    flask.session.clear()
    flask.session.permanent = True
    person = _find(new_token)
    if person is None:
        raise RuntimeError("The session that was just opened is not there.")
    login_user(person)
    known_browsers.remember(person.id)


def sign_out() -> None:
    """End this browser's session, also for whoever has a copy of its cookie."""
    if current_user.is_authenticated:
        try:
            with transaction() as session:
                sessions.revoke(
                    session,
                    user_id=current_user.id,
                    session_id=current_user.session_id,
                    now=request_time(),
                )
        except SignInSessionNotFound:
            pass  # ended from another browser a moment ago
        logs.security("sign-out", user=current_user.id)
    forget_browser()


def forget_browser() -> None:
    """Take from this browser what tells who was signed in."""
    logout_user()
    flask.session.clear()


def address() -> str:
    """Where the request came from, as far as the trusted proxies tell; "" when it is no address."""
    try:
        return str(ipaddress.ip_address(request.remote_addr or ""))
    except ValueError:
        return ""


def user_agent() -> str:
    """What the browser says of itself."""
    return request.headers.get("User-Agent", "")


def _find(held_token: str) -> CurrentUser | None:
    now = request_time()
    with reading() as session:
        found = sessions.find(session, held_token, now=now)
    if found is None:
        flask.session.pop("_user_id", None)  # so that the next request need not ask again
        return None
    logs.bind(user=found.user.id)
    if found.is_touch_due(now):
        with transaction() as session:
            sessions.touch(session, found, now=now)
        flask.session.modified = True
    return _current_user(found, held_token)


def _current_user(found: SignedIn, held_token: str) -> CurrentUser:
    user = found.user
    return CurrentUser(
        id=user.id,
        username=user.username,
        email=user.email,
        role=user.role,
        time_zone=user.time_zone,
        created_at=user.created_at,
        is_email_unconfirmed=user.email_unconfirmed_since is not None,
        session_id=found.session.id,
        token=held_token,
    )
