"""Who is out of credits asks for more; an admin answers with a grant or no."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from sketchmaker import membership
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from sketchmaker.wishes.tables import Wish
from tests.support.actors import SOMEBODY
from tests.support.people import assert_books_close
from tests.web.accounts.browser import Browser
from tests.web.studio_use import Studio

ASK = "/dashboard/ask"
JOBS = "/admin/subscriptions/scheduled-jobs"


@pytest.fixture
def studio(ada: Browser, system: System) -> Studio:
    return Studio(ada, system)


def ask(browser: Browser, sentence: str = "For the poster of the summer party.") -> int:
    return browser.post(ASK, {"sentence": sentence}).status_code


def wish_id(admin: Browser) -> str:
    found = re.search(r"/admin/wishes/(\d+)/grant", admin.get(JOBS).text)
    assert found
    return found[1]


def test_who_is_out_of_credits_is_led_to_ask_for_more(studio: Studio) -> None:
    assert ASK not in studio.browser.get("/dashboard").text
    studio.spend(10)
    for page in ("/studio", "/dashboard"):
        assert f'href="{ASK}"' in studio.browser.get(page).text, page
    assert "What do you need them for?" in studio.browser.get(ASK).text


def test_an_admin_sees_the_request_and_grants_credits(studio: Studio, admin: Browser) -> None:
    studio.spend(10)
    assert ask(studio.browser) == 302
    page = admin.get(JOBS).text
    assert "Needs attention" in page
    assert "For the poster of the summer party." in page
    admin.post(f"/admin/wishes/{wish_id(admin)}/grant", {"credits": "25"})
    assert studio.balance() == 25
    assert "You asked for more." in studio.browser.get("/dashboard").text
    answered = admin.get(JOBS).text
    assert "/admin/wishes/" not in answered
    assert "Need attention" not in answered
    assert_books_close(studio.system.database)


def test_an_admin_says_no_and_the_person_reads_it(ada: Browser, admin: Browser) -> None:
    ask(ada)
    admin.post(f"/admin/wishes/{wish_id(admin)}/decline")
    assert "Your last request was declined" in ada.get(ASK).text
    assert "/admin/wishes/" not in admin.get(JOBS).text
    assert ask(ada) == 302


def test_one_request_waits_at_a_time(ada: Browser, system: System) -> None:
    ask(ada)
    assert ask(ada, "And for another one.") == 409
    assert "an admin has not answered yet" in ada.get(ASK).text
    with system.database.reading() as session:
        assert len(session.scalars(select(Wish)).all()) == 1


def test_a_request_is_answered_once(studio: Studio, admin: Browser) -> None:
    ask(studio.browser)
    number = wish_id(admin)
    for _ in range(2):
        admin.post(f"/admin/wishes/{number}/grant", {"credits": "5"})
    admin.post(f"/admin/wishes/{number}/decline")
    assert studio.balance() == 15
    assert "has been answered already" in admin.get(JOBS).text


@pytest.mark.parametrize("credits", ["", "0", "-4", "many", "1.5", "999999999999"])
def test_a_grant_that_is_no_number_of_credits_leaves_the_request_open(
    studio: Studio, admin: Browser, credits: str
) -> None:
    ask(studio.browser)
    number = wish_id(admin)
    admin.post(f"/admin/wishes/{number}/grant", {"credits": credits})
    assert wish_id(admin) == number
    assert studio.balance() == 10


@pytest.mark.parametrize("sentence", ["", "   ", "x" * 301, "a\x00zero", "a\x07bell"])
def test_a_sentence_that_can_not_be_used_is_refused_beside_the_field(
    ada: Browser, system: System, sentence: str
) -> None:
    answer = ada.post(ASK, {"sentence": sentence})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    with system.database.reading() as session:
        assert session.scalars(select(Wish)).all() == []


def test_asking_has_a_limit(ada: Browser, admin: Browser) -> None:
    for _ in range(3):
        assert ask(ada) == 302
        admin.post(f"/admin/wishes/{wish_id(admin)}/decline")
    assert ask(ada) == 429


def test_only_admins_answer(
    ada: Browser, visitor: Browser, admin: Browser, person: Callable[..., Browser]
) -> None:
    ask(ada)
    number = wish_id(admin)
    assert ada.post(f"/admin/wishes/{number}/grant", {"credits": "5"}).status_code == 403
    assert visitor.get(ASK).status_code == 302
    root = person("root", role=Role.SUPERADMIN)
    assert root.post(f"/admin/wishes/{number}/decline").status_code == 302


def test_leaving_takes_the_request_along(ada: Browser, system: System) -> None:
    ask(ada)
    with system.database.transaction() as session:
        user_id = session.scalars(select(User.id)).one()
        membership.leave(
            session, user_id=user_id, now=system.clock.now(), by=SOMEBODY, reason="A test."
        )
    with system.database.reading() as session:
        assert session.scalars(select(Wish)).all() == []
