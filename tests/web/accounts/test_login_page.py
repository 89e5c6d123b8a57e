import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask

from sketchmaker.accounts import sign_in
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.accounts.people import NEW_PASSWORD, PASSWORD, registered, set_user
from tests.web.accounts.browser import Browser

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "https:evil.example",
    "https://evil.example/",
    "\\\\evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "javascript:alert(1)",
    "evil.example",
    "",
]


@pytest.mark.parametrize("login", ["ada", "ADA@example.org"])
def test_a_person_signs_in_and_is_led_into_the_studio(
    visitor: Browser, database: Database, clock: ManualClock, login: str
) -> None:
    registered(database, "ada", now=clock.now())
    answer = visitor.sign_in(login)
    assert (answer.status_code, answer.location) == (302, "/studio")
    assert visitor.is_signed_in()


def test_signing_in_leads_back_to_the_page_that_asked_for_it(
    visitor: Browser, database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    asked = visitor.get("/gallery?page=2")
    assert asked.location == "/login?next=/gallery?page%3D2"
    assert visitor.sign_in(page=asked.location).location == "/gallery?page=2"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_signing_in_never_leads_to_another_site(
    visitor: Browser, database: Database, clock: ManualClock, target: str
) -> None:
    registered(database, "ada", now=clock.now())
    answer = visitor.post(
        "/login", {"login": "ada", "password": PASSWORD}, query_string={"next": target}
    )
    assert (answer.status_code, answer.location) == (302, "/studio")
    again = visitor.client.get("/login", query_string={"next": target})
    assert again.location == "/studio"


def test_an_unknown_name_and_a_wrong_password_get_the_same_page(
    visitor: Browser, database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())

    def page(login: str) -> str:
        answer = visitor.sign_in(login, NEW_PASSWORD)
        assert answer.status_code == 422
        return re.sub(r"(csrf_token\" value|X-CSRFToken\":) ?=?\"[^\"]+\"", "", answer.text)

    assert page("ada").replace('value="ada"', "") == page("eve").replace('value="eve"', "")


def test_after_an_error_the_name_is_kept_and_the_password_is_not(visitor: Browser) -> None:
    answer = visitor.sign_in("ada", NEW_PASSWORD)
    assert 'value="ada"' in answer.text
    assert NEW_PASSWORD not in answer.text
    assert 'role="alert"' in answer.text


def test_after_five_wrong_passwords_one_is_told_how_long_to_wait(
    visitor: Browser, database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    for _ in range(5):
        assert visitor.sign_in(password=NEW_PASSWORD).status_code == 422
    answer = visitor.sign_in()
    assert (answer.status_code, answer.headers["Retry-After"]) == (
        429,
        "Thu, 15 Jan 2026 12:01:00 GMT",
    )
    assert "Wait a minute" in answer.text
    clock.advance(timedelta(minutes=1))
    assert visitor.sign_in().status_code == 302


@pytest.mark.race
def test_of_twenty_passwords_sent_at_once_five_are_looked_at(
    app: Flask, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(database, "ada", now=clock.now())
    looked_at: list[str] = []

    def verify(_: object, password: str) -> bool:
        looked_at.append(password)
        return False

    monkeypatch.setattr(sign_in, "verify", verify)
    browsers = [Browser(app) for _ in range(20)]
    tokens = [visitor.csrf_token() for visitor in browsers]
    all_ready = Barrier(20)

    def send(number: int) -> int:
        all_ready.wait(timeout=120)
        form = {"login": "ada", "password": f"guess {number}", "csrf_token": tokens[number]}
        return browsers[number].client.post("/login", data=form).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(send, range(20)))
    assert statuses == [422] * 5 + [429] * 15
    assert len(looked_at) == 5


def test_a_deactivated_person_is_told_whom_to_ask(
    visitor: Browser, database: Database, clock: ManualClock
) -> None:
    user = registered(database, "ada", now=clock.now())
    set_user(database, user, is_active=False)
    answer = visitor.sign_in()
    assert answer.status_code == 422
    assert "Ask an admin" in answer.text
    assert not visitor.is_signed_in()


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_lasts_thirty_days(
    visitor: Browser, database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    cookies = visitor.sign_in().headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "sketchmaker_browser",
        "sketchmaker_session",
    }
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Expires=" in cookie
        assert "Secure" not in cookie


def test_over_https_the_cookie_is_for_https_only(
    visitor: Browser, database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    https = "https://studio.example.org"
    page = visitor.client.get("/login", base_url=https)
    assert "Secure" in page.headers["Set-Cookie"]
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    answer = visitor.client.post(
        "/login",
        data={"login": "ada", "password": PASSWORD, "csrf_token": found[1]},
        base_url=https,
        headers={"Referer": f"{https}/login"},
    )
    assert answer.status_code == 302
    assert all("Secure" in cookie for cookie in answer.headers.getlist("Set-Cookie"))


def test_a_cookie_planted_before_signing_in_is_worth_nothing_afterwards(
    visitor: Browser, new_browser: Callable[[], Browser], database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    visitor.get("/login")
    planted = visitor.cookie()
    token_before = visitor.csrf_token()
    visitor.sign_in()
    assert visitor.cookie() != planted
    attacker = new_browser()
    attacker.client.set_cookie("sketchmaker_session", planted)
    assert not attacker.is_signed_in()
    assert visitor.post("/logout", {"csrf_token": token_before}).status_code == 400


def test_signing_out_also_ends_a_copied_cookie(
    visitor: Browser, new_browser: Callable[[], Browser]
) -> None:
    visitor.register("ada")
    thief = new_browser()
    thief.client.set_cookie("sketchmaker_session", visitor.cookie())
    assert thief.is_signed_in()
    assert visitor.post("/logout").location == "/login"
    assert not visitor.is_signed_in()
    assert not thief.is_signed_in()


def test_no_link_and_no_other_site_can_sign_anybody_out(visitor: Browser) -> None:
    visitor.register("ada")
    assert visitor.get("/logout").status_code == 405
    assert visitor.post("/logout", {"csrf_token": "wrong"}).status_code == 400
    assert visitor.is_signed_in()


def test_signing_out_twice_is_no_error(visitor: Browser) -> None:
    visitor.register("ada")
    for _ in range(2):
        assert visitor.post("/logout").location == "/login"


def test_a_session_ends_after_thirty_days_without_a_visit(
    visitor: Browser, clock: ManualClock
) -> None:
    visitor.register("ada")
    clock.advance(timedelta(days=29))
    assert visitor.is_signed_in()
    clock.advance(timedelta(days=29))
    assert visitor.is_signed_in()
    clock.advance(timedelta(days=30))
    assert not visitor.is_signed_in()


def test_files_that_caches_may_keep_never_carry_a_cookie(visitor: Browser) -> None:
    visitor.register("ada")
    with visitor.get("/static/css/theme.css") as answer:
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers


def test_in_their_own_browser_people_get_in_while_others_guess(
    visitor: Browser, new_browser: Callable[[], Browser]
) -> None:
    visitor.register("ada")
    visitor.post("/logout")
    for _ in range(20):
        new_browser().sign_in("ada", "not the password")
    assert new_browser().sign_in("ada").status_code == 429
    assert visitor.sign_in("ada").status_code == 302


@pytest.mark.parametrize("cookie", ["", "WzEsIngiXQ.forged", "\xff"])
def test_a_browser_that_only_says_it_is_known_is_not(visitor: Browser, cookie: str) -> None:
    visitor.client.set_cookie("sketchmaker_browser", cookie)
    assert visitor.sign_in("ada", "not the password").status_code == 422
