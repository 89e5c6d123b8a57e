from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from sketchmaker.accounts import passwords
from sketchmaker.accounts.tables import SignInSession, User
from sketchmaker.clock import ManualClock
from sketchmaker.credits.reading.statement import statement_for
from sketchmaker.credits.tables import SubscriptionPlanModel, UserSubscription
from sketchmaker.database import Database
from tests.accounts.people import PASSWORD
from tests.web.accounts.browser import Browser


def _counts(database: Database) -> tuple[int | None, ...]:
    """Accounts, subscriptions, sign-in sessions."""
    with database.reading() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table))
            for table in (User, UserSubscription, SignInSession)
        )


def test_a_newcomer_is_signed_in_with_the_free_plan_and_led_into_the_studio(
    visitor: Browser, database: Database, clock: ManualClock
) -> None:
    answer = visitor.register("ada")
    assert (answer.status_code, answer.location) == (302, "/studio")
    assert visitor.is_signed_in()
    with database.reading() as session:
        user = session.scalars(select(User)).one()
        statement = statement_for(session, user.id, now=clock.now())
    assert user.time_zone == "Europe/London"
    assert (statement.plan_name, statement.available, statement.anchor) == (
        "free",
        10,
        clock.now(),
    )


def test_without_a_free_plan_there_is_no_half_account(visitor: Browser, database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(SubscriptionPlanModel).values(is_default=False))
    answer = visitor.register("ada")
    assert answer.status_code >= 400
    assert _counts(database) == (0, 0, 0)
    assert not visitor.is_signed_in()


@pytest.mark.race
def test_of_two_who_choose_the_same_name_at_once_one_is_told_that_it_is_taken(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_sent = Barrier(2)
    browsers = [Browser(app), Browser(app)]
    tokens = [visitor.csrf_token() for visitor in browsers]

    def register(number: int) -> int:
        both_sent.wait(timeout=120)
        answer = browsers[number].register(
            "ada", email=f"ada{number}@example.org", csrf_token=tokens[number]
        )
        assert answer.status_code == 302 or "is taken" in answer.text
        return answer.status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(register, range(2))) == [302, 422]
    assert _counts(database) == (1, 1, 1)
    assert sorted(visitor.is_signed_in() for visitor in browsers) == [False, True]


def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(
    visitor: Browser, database: Database
) -> None:
    answer = visitor.register("a b", email="Ada@Example.org", password="too short")
    assert answer.status_code == 422
    assert 'value="a b"' in answer.text
    assert 'value="Ada@Example.org"' in answer.text
    assert "too short" not in answer.text
    for name in ("username", "password"):
        assert f'id="field-{name}-error"' in answer.text
        assert f'aria-describedby="field-{name}-error' in answer.text
    assert 'id="field-email-error"' not in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert _counts(database) == (0, 0, 0)


def test_an_address_in_use_leads_to_signing_in(
    visitor: Browser, new_browser: Callable[[], Browser], database: Database
) -> None:
    visitor.register("ada")
    answer = new_browser().register("grace", email="ADA@example.org")
    assert answer.status_code == 422
    assert "Sign in instead" in answer.text
    assert _counts(database)[0] == 1


@pytest.mark.parametrize("token", ["", "wrong", "IjAi.aaaa.bbbb"])
def test_a_form_that_some_other_site_sends_is_refused(
    visitor: Browser, database: Database, token: str
) -> None:
    answer = visitor.register("ada", csrf_token=token)
    assert answer.status_code == 400
    assert _counts(database) == (0, 0, 0)


def test_the_token_of_another_browser_is_refused(
    visitor: Browser, new_browser: Callable[[], Browser], database: Database
) -> None:
    answer = visitor.register("ada", csrf_token=new_browser().csrf_token())
    assert answer.status_code == 400
    assert _counts(database) == (0, 0, 0)


def test_a_newcomer_goes_on_to_the_page_that_was_asked_for(visitor: Browser) -> None:
    answer = visitor.post(
        "/register?next=/gallery",
        {"username": "ada", "email": "ada@example.org", "password": PASSWORD},
    )
    assert answer.location == "/gallery"


def test_who_is_signed_in_is_not_asked_to_register(visitor: Browser) -> None:
    visitor.register("ada")
    assert visitor.get("/register").location == "/studio"


def test_password_managers_and_screen_readers_know_the_fields(visitor: Browser) -> None:
    page = visitor.get("/register").text
    for purpose in ("username", "email", "new-password"):
        assert f'autocomplete="{purpose}"' in page
    for name in ("username", "email", "password"):
        assert f'<label class="form-label" for="field-{name}">' in page


def test_all_that_is_wrong_is_told_at_once_with_a_name_that_is_taken(
    visitor: Browser, new_browser: Callable[[], Browser]
) -> None:
    visitor.register("ada")
    page = new_browser().register("ada", email="nowhere", password="password123").text
    for name in ("username", "email", "password"):
        assert f'id="field-{name}-error"' in page
    assert "is taken" in page


def test_a_twenty_first_account_within_an_hour_is_refused_before_its_password_is_hashed(
    new_browser: Callable[[], Browser], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        assert new_browser().register(f"person{number}").status_code == 302
    hashed: list[str] = []
    monkeypatch.setattr(passwords, "hash_password", hashed.append)
    answer = new_browser().register("one-more")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "Thu, 15 Jan 2026 13:00:00 GMT"
    assert "Too many accounts were made from your network" in answer.text
    assert 'value="one-more"' in answer.text
    assert hashed == []
    assert _counts(database)[0] == 20


def test_closed_registration_says_whom_to_ask(
    app: Flask, database: Database, visitor: Browser
) -> None:
    parts = app.extensions["sketchmaker"]
    closed = replace(parts.settings, is_registration_open=False, contact="Ada, room 3")
    app.extensions["sketchmaker"] = replace(parts, settings=closed)
    for answer in (visitor.get("/register"), visitor.register("ada")):
        assert answer.status_code == 403
        assert "Registration is closed" in answer.text
        assert "Ada, room 3" in answer.text
    assert _counts(database)[0] == 0


def test_nobody_is_offered_to_start_where_registration_is_closed(
    app: Flask, visitor: Browser
) -> None:
    parts = app.extensions["sketchmaker"]
    closed = replace(parts.settings, is_registration_open=False, contact="Ada, room 3")
    app.extensions["sketchmaker"] = replace(parts, settings=closed)
    for path in ("/", "/pricing", "/login"):
        page = visitor.get(path).text
        assert "/register" not in page, path
        assert "Start free" not in page, path
    assert "Ask Ada, room 3 for an account." in visitor.get("/pricing").text


def test_a_form_sent_by_a_script_moves_the_page_as_a_browser_would(visitor: Browser) -> None:
    form = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}
    answer = visitor.client.post(
        "/register",
        data={"csrf_token": visitor.csrf_token(), **form},
        headers={"HX-Request": "true", "HX-Request-Type": "full"},
    )
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/studio")
    assert visitor.is_signed_in()
