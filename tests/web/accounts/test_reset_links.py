"""Who forgot their password gets a one-time link from an admin."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import PasswordResetLink, User
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.accounts.people import NEW_PASSWORD
from tests.web.accounts.browser import Browser


@pytest.fixture
def link(visitor: Browser, new_browser: Callable[[], Browser], database: Database) -> str:
    """The link that grace, an admin, made for ada."""
    visitor.register("ada")
    admin = new_browser()
    admin.register("grace")
    with database.transaction() as session:
        session.execute(update(User).where(User.username == "grace").values(role=Role.ADMIN))
    assert "One-time link" in admin.get("/admin/users/1").text
    assert admin.get("/admin/users/1/reset-link").status_code == 200
    assert admin.post("/admin/users/1/reset-link").status_code == 422
    page = admin.post("/admin/users/1/reset-link", {"reason": "Asked by phone."}).text
    found = re.search(r"http://localhost(/reset-password/[^\"]+)", page)
    assert found
    return found[1]


def test_the_link_sets_a_password_once_and_signs_out_every_device(
    link: str, visitor: Browser, new_browser: Callable[[], Browser]
) -> None:
    browser = new_browser()
    assert "Choose a new password" in browser.get(link).text
    assert browser.post(link, {"new": "short"}).status_code == 422
    assert browser.post(link, {"new": NEW_PASSWORD}).location == "/login"
    assert not visitor.is_signed_in()
    assert browser.sign_in("ada", NEW_PASSWORD).status_code == 302
    again = new_browser().get(link)
    assert again.status_code == 404
    assert "used already or has expired" in again.text


def test_the_link_expires_after_a_day(link: str, visitor: Browser, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=24))
    assert visitor.get(link).status_code == 404


def test_the_database_alone_has_no_link(link: str, database: Database) -> None:
    with database.reading() as session:
        kept = session.scalars(select(PasswordResetLink.token_hash)).one()
    assert link.rpartition("/")[2] not in kept


def test_an_admin_makes_no_link_for_another_admin(
    link: str, new_browser: Callable[[], Browser], database: Database
) -> None:
    with database.transaction() as session:
        session.execute(update(User).values(role=Role.ADMIN))
    other = new_browser()
    assert other.sign_in("grace").status_code == 302
    assert other.post("/admin/users/1/reset-link").status_code == 403


def test_the_sign_in_page_says_whom_to_ask(visitor: Browser) -> None:
    assert "/forgot-password" in visitor.get("/login").text
    assert "Ask whoever runs this Sketchmaker" in visitor.get("/forgot-password").text
