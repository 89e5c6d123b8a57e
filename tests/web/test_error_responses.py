import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from sketchmaker import bootstrap
from sketchmaker.accounts.errors import AccountError
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.rules.errors import CreditError
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.settings import Settings
from sketchmaker.studio.errors import StudioError, TooManyGenerations
from sketchmaker.web.frame.access import public
from sketchmaker.web.frame.error_responses import ANSWERS, HTTP_WORDS
from sketchmaker.wishes.errors import WishError
from tests.web.accounts.browser import Browser
from tests.web.studio_use import FRAGMENT

ANSWERED_429 = TooManyGenerations(4)


def descendants(base: type[Exception]) -> Iterator[type[Exception]]:
    for child in base.__subclasses__():
        yield child
        yield from descendants(child)


@pytest.mark.parametrize("base", [CreditError, AccountError, StudioError, WishError])
def test_every_error_of_a_context_has_its_answer(base: type[Exception]) -> None:
    assert [error.__name__ for error in descendants(base) if error not in ANSWERS] == []


def test_the_answers_are_errors_with_a_heading() -> None:
    assert DatabaseUnavailable in ANSWERS
    for answer in ANSWERS.values():
        assert 400 <= answer.status <= 599
        assert answer.title
        assert not answer.title.endswith(".")


@pytest.mark.parametrize("status", [403, 404, 405, 413, 422, 429, 500, 503])
def test_every_usual_failure_has_words_of_its_own(status: int) -> None:
    title, sentence = HTTP_WORDS[status]
    assert title
    assert sentence.endswith(".")


@pytest.fixture
def broken(app: Flask) -> Flask:
    """The application with a view that nobody foresaw to fail."""

    def fail() -> str:
        raise RuntimeError("secret detail")

    app.add_url_rule("/broken", view_func=public(fail))
    return app


def test_a_surprise_is_logged_under_an_id_and_shown_as_that_id_only(
    broken: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = Browser(broken).get("/broken")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.text
    assert "secret detail" not in answer.text
    shown = re.search(r"<code>([\w-]{10})</code>", answer.text)
    assert shown
    assert shown[1] == answer.headers["X-Request-Id"]
    assert "secret detail" in caplog.text


def test_programs_and_htmx_are_answered_in_their_own_shape(broken: Flask) -> None:
    client = broken.test_client()
    told = client.get("/broken", headers={"Accept": "application/json"})
    assert told.status_code == 500
    assert set(told.get_json()) == {"error", "detail", "id"}
    part = client.get("/broken", headers=FRAGMENT)
    assert part.status_code == 500
    assert "<html" not in part.text
    assert 'role="alert"' in part.text


def test_a_page_that_is_not_there_looks_like_the_others(ada: Browser) -> None:
    answer = ada.get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert 'id="balance"' in answer.text


def test_a_wrong_method_says_which_ones_would_do(ada: Browser) -> None:
    answer = ada.post("/dashboard")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "That is not how this page works" in answer.text


def test_a_flood_of_text_is_refused(ada: Browser) -> None:
    answer = ada.post("/studio/generations", {"prompt": "x" * 400_000})
    assert answer.status_code == 413
    assert "That is too large" in answer.text


def test_a_form_without_its_token_is_refused_kindly(ada: Browser) -> None:
    answer = ada.client.post("/studio/generations", data={"prompt": "A calm sea"})
    assert answer.status_code == 400
    assert "This page is out of date" in answer.text


def test_an_admin_page_is_closed_to_others(ada: Browser) -> None:
    answer = ada.get("/admin/subscriptions/")
    assert answer.status_code == 403
    assert "This page is not open to you" in answer.text


@pytest.fixture
def lost(tmp_path: Path, clock: ManualClock) -> Iterator[System]:
    """A product whose database is not there."""
    settings = Settings(
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        data_folder=tmp_path,
        secret_key="k" * 40,
    )
    system = bootstrap.compose(settings, clock)
    yield system
    system.database.close()


def test_without_the_database_people_are_told_to_come_back(lost: System) -> None:
    client = bootstrap.create_app(lost).test_client()
    answer = client.get("/pricing")
    assert answer.status_code == 503
    assert "Back in a moment" in answer.text
    assert "127.0.0.1" not in answer.text


@pytest.fixture
def stranded(ada: Browser, lost: System) -> Browser:
    """Somebody who signed in before the database went away."""
    browser = Browser(bootstrap.create_app(lost))
    browser.client.set_cookie("sketchmaker_session", ada.cookie())
    return browser


def test_a_page_keeps_its_status_while_the_database_is_away(stranded: Browser) -> None:
    assert stranded.get("/nope").status_code == 404
    assert stranded.client.post("/studio/generations", data={}).status_code == 400
    assert stranded.client.post("/login", data={}).status_code in {302, 400}
    assert stranded.get("/dashboard").status_code == 503


def test_a_limit_keeps_its_status_while_the_database_is_away(lost: System) -> None:
    app = bootstrap.create_app(lost)

    def limited() -> str:
        raise ANSWERED_429

    app.add_url_rule("/limited", view_func=public(limited))
    assert Browser(app).get("/limited").status_code == 429


def test_nobody_is_asked_to_sign_in_while_it_is_not_known_who_reads(stranded: Browser) -> None:
    for path in ("/dashboard", "/nope"):
        page = stranded.get(path).text
        assert "Start free" not in page
        assert "/login" not in page


def test_a_page_of_a_failure_promises_nothing_about_credits(broken: Flask) -> None:
    assert "charged" not in Browser(broken).get("/broken").text


def test_an_outage_is_a_few_lines_however_many_people_run_into_it(
    stranded: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        stranded.get("/dashboard")
    told = [record for record in caplog.records if record.message == "not answered"]
    assert len(told) == 1
    facts = vars(told[0])["facts"]
    assert vars(told[0])["counted"]
    assert "127.0.0.1" in facts["reason"]
    assert facts["address"] is None
    assert facts["user"] is None
