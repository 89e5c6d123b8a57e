"""Admins make accounts, switch them off and on, change roles and delete."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from tests.support.people import assert_books_close
from tests.support.web_system import PASSWORD, enrolled
from tests.web.accounts.browser import Browser

REASON = {"reason": "They asked for it."}


@pytest.fixture
def owner(person: Callable[..., Browser]) -> Browser:
    return person("leila", role=Role.SUPERADMIN)


@pytest.fixture
def mara(system: System) -> User:
    return enrolled(system, "mara", plan="premium")


def path(user: User, what: str = "") -> str:
    return f"/admin/users/{user.id}/account" + (f"/{what}" if what else "")


def reread(system: System, user: User) -> User:
    with system.database.reading() as session:
        return session.get_one(User, user.id)


def test_a_new_user_chooses_their_password_by_the_link(app: Flask, admin: Browser) -> None:
    page = admin.post("/admin/users/new", {"username": "nils", "email": "n@example.org", **REASON})
    link = re.search(r'value="https?://[^/"]+(/[^"]+)"', page.text)
    assert link, page.text

    nils = Browser(app)
    answer = nils.post(link[1], {"new": PASSWORD})
    assert answer.status_code in {200, 302, 303}
    assert Browser(app).sign_in("nils", PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"username": "mara", "email": "other@example.org"}, "taken"),
        ({"username": "nils", "email": "mara@example.org"}, "already"),
        ({"username": "", "email": "n@example.org"}, "name"),
        ({"username": "nils", "email": "nowhere"}, "e-mail"),
        ({"username": "nils", "email": "n@example.org", "reason": ""}, "Say why"),
    ],
)
@pytest.mark.usefixtures("mara")
def test_what_is_wrong_with_a_new_account_is_said_and_what_was_typed_stays(
    admin: Browser, form: dict[str, str], sentence: str
) -> None:
    answer = admin.post("/admin/users/new", {**REASON, **form})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{form["email"]}"' in answer.text


def test_the_address_of_users_leads_to_the_list_of_everybody(admin: Browser) -> None:
    answer = admin.get("/admin/users/?q=mara")
    assert answer.headers["Location"] == "/admin/subscriptions/?q=mara"


def test_only_a_superadmin_gives_roles(
    system: System, admin: Browser, owner: Browser, mara: User
) -> None:
    assert admin.post(path(mara, "role"), {"role": "admin", **REASON}).status_code == 403
    form = {"username": "nils", "email": "n@example.org", "role": "admin", **REASON}
    assert admin.post("/admin/users/new", form).status_code == 403

    assert owner.post(path(mara, "role"), {"role": "admin", **REASON}).status_code == 303
    assert reread(system, mara).role == Role.ADMIN


def test_the_last_superadmin_stays_one(system: System, owner: Browser) -> None:
    with system.database.reading() as session:
        leila = session.query(User).filter_by(username="leila").one()
    answer = owner.post(path(leila, "role"), {"role": "user", **REASON})
    assert answer.status_code == 422
    assert reread(system, leila).role == Role.SUPERADMIN


def test_an_admin_decides_nothing_about_other_admins(system: System, admin: Browser) -> None:
    other = enrolled(system, "otto", role=Role.ADMIN)
    assert admin.get(path(other)).status_code == 403
    assert admin.post(path(other, "deactivate"), REASON).status_code == 403


def test_who_is_switched_off_is_signed_out_and_comes_back_with_everything(
    app: Flask, system: System, admin: Browser, mara: User
) -> None:
    browser = Browser(app)
    browser.sign_in("mara", PASSWORD)
    assert admin.post(path(mara, "deactivate"), REASON).status_code == 303
    assert not browser.is_signed_in()
    assert admin.post(path(mara, "deactivate"), REASON).status_code == 422

    assert admin.post(path(mara, "activate"), REASON).status_code == 303
    assert browser.sign_in("mara", PASSWORD).status_code == 302
    assert "100" in browser.get("/dashboard").text
    assert_books_close(system.database)


def test_an_account_is_deleted_only_under_its_name(
    system: System, admin: Browser, mara: User
) -> None:
    refused = admin.post(path(mara, "delete"), {"username": "marr", **REASON})
    assert refused.status_code == 422
    assert "exactly" in refused.text
    assert reread(system, mara).username == "mara"

    assert admin.post(path(mara, "delete"), {"username": "mara", **REASON}).status_code == 303
    assert reread(system, mara).username != "mara"
    assert_books_close(system.database)


@pytest.mark.parametrize("what", ["deactivate", "delete"])
def test_nothing_is_done_to_an_account_without_a_reason(
    system: System, admin: Browser, mara: User, what: str
) -> None:
    answer = admin.post(path(mara, what), {"username": "mara", "reason": " "})
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert reread(system, mara).is_active


def test_what_was_done_to_an_account_is_in_the_audit_trail(admin: Browser, mara: User) -> None:
    admin.post(path(mara, "deactivate"), REASON)
    trail = admin.get(f"/admin/audit/?about={mara.id}").text
    assert REASON["reason"] in trail
    assert "grace" in trail
