"""The session cookie: named for the scheme, signed well, and never ended by a clock."""

import hashlib
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from itsdangerous import URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from sketchmaker import bootstrap
from sketchmaker.accounts import sessions
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.settings import Settings
from tests.web.accounts.browser import Browser

NAME = "sketchmaker_session"


def test_over_https_no_other_host_can_set_the_cookie(visitor: Browser) -> None:
    page = visitor.client.get("/login", base_url="https://localhost")
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-{NAME}=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_a_cookie_that_was_signed_with_sha_1_is_still_read(ada: Browser, app: Flask) -> None:
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    old = URLSafeTimedSerializer(
        "k" * 40,
        salt="cookie-session",
        serializer=signer.serializer,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha1},
    )
    ada.client.set_cookie(NAME, str(old.dumps(signer.loads(ada.cookie()))))
    assert ada.is_signed_in()


@pytest.mark.parametrize("ahead", [1, 30, 7200])
def test_a_cookie_from_a_host_whose_clock_is_ahead_signs_nobody_out(
    person: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    present = TimestampSigner.get_timestamp
    with monkeypatch.context() as there:
        there.setattr(TimestampSigner, "get_timestamp", lambda signer: present(signer) + ahead)
        ada = person("ada")
    assert ada.is_signed_in()


def test_a_clock_that_is_set_back_signs_nobody_out(ada: Browser, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=-2))
    assert ada.is_signed_in()


def test_a_sign_in_ends_when_its_row_says_so(ada: Browser, clock: ManualClock) -> None:
    clock.advance(sessions.IDLE_LIFE + timedelta(seconds=1))
    assert not ada.is_signed_in()


def test_a_sign_in_made_with_another_key_is_told_as_such(
    ada: Browser, system: System, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(
        database_url=system.settings.database_url, data_folder=tmp_path, secret_key="x" * 40
    )
    other = bootstrap.compose(settings, system.clock)
    browser = Browser(bootstrap.create_app(other))
    browser.client.set_cookie(NAME, ada.cookie())
    with caplog.at_level(logging.WARNING):
        answer = browser.client.post("/studio/generations", data={"csrf_token": "of the other"})
    other.database.close()
    assert answer.location == "/login"
    assert "SKETCHMAKER_SECRET_KEY" in caplog.text
