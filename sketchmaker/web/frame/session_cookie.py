"""The signed cookie of a browser: its name, its signature, and what becomes of one not ours.

How long a sign-in lasts is said by its row in the database, never by the cookie's age: two hosts
whose clocks differ, or a clock that is set back, sign nobody out.
"""

import hashlib
from typing import Any, Final, cast

from flask import Flask, Request, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature, URLSafeTimedSerializer

from sketchmaker import logs

NAME: Final = "sketchmaker_session"


def install(app: Flask) -> None:
    """Give the application its cookie."""
    app.session_interface = SessionCookie()
    app.before_request(_log_foreign)


class SessionCookie(SecureCookieSessionInterface):
    """Flask's session in a cookie that no other host can set and no clock can end."""

    digest_method = staticmethod(hashlib.sha256)

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002  # Flask's signature
        """With https the browser itself sees to it that only this host sets the cookie."""
        return f"__Host-{NAME}" if request.is_secure else NAME

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """The same product runs on http://localhost and behind https."""
        return request.is_secure

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Signs with SHA-256; reads what was signed with SHA-1 before that."""
        signer = super().get_signing_serializer(app)
        if signer is not None:
            before = {"key_derivation": self.key_derivation, "digest_method": hashlib.sha1}
            signer.fallback_signers = [before]
        return signer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """What the browser's cookie holds; an empty session when the signature is not ours."""
        signer = self.get_signing_serializer(app)
        value = request.cookies.get(self.get_cookie_name(app))
        if signer is None or not value:
            return self.session_class()
        try:
            held = cast(dict[str, Any], signer.loads(value))
        except BadSignature:
            g.cookie_is_foreign = True
            return self.session_class()
        return self.session_class(held)


def _log_foreign() -> None:
    # Hosts have different keys, or somebody makes cookies up.
    if g.get("cookie_is_foreign"):
        logs.security(
            "a cookie is signed with another key; all hosts need one SKETCHMAKER_SECRET_KEY",
            level="warning",
        )
