"""A browser without pictures: it keeps cookies and sends the CSRF token of the page it is on."""

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.accounts.people import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# A page that everybody can open; every page has the token.
ANY_PAGE = "/pricing"


class Browser:
    """One person's browser."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, headers={"User-Agent": FIREFOX}, **more)

    def post(self, path: str, data: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Send a form, with the token that its page would have."""
        form = {"csrf_token": self.csrf_token(), **(data or {})}
        return self.client.post(path, data=form, headers={"User-Agent": FIREFOX}, **more)

    def csrf_token(self) -> str:
        """The token of this browser's pages."""
        found = re.search(r'"X-CSRFToken": "([^"]+)"', self.get(ANY_PAGE).text)
        assert found
        return found[1]

    def register(self, username: str = "ada", **fields: str) -> TestResponse:
        """Fill in the form for a new account."""
        form = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
        return self.post("/register", {**form, "time_zone": "Europe/London", **fields})

    def sign_in(
        self, login: str = "ada", password: str = PASSWORD, page: str = "/login"
    ) -> TestResponse:
        """Fill in the form for signing in."""
        return self.post(page, {"login": login, "password": password})

    def is_signed_in(self) -> bool:
        """Whether a page for people with an account opens."""
        return self.get("/settings").status_code == 200

    def cookie(self) -> str:
        """The session cookie as it is kept."""
        kept = self.client.get_cookie("sketchmaker_session")
        assert kept
        return kept.value
