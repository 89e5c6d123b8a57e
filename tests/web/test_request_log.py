"""What the logs say about requests: enough to explain an incident, and never more than is safe."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from sketchmaker import bootstrap, logs
from sketchmaker.bootstrap import System
from sketchmaker.settings import Settings
from sketchmaker.web.frame.access import public
from tests.support.web_system import PASSWORD
from tests.web.accounts.browser import Browser
from tests.web.studio_use import FRAGMENT

ACCEPTED_BYTES_PER_REFUSAL = 30


class Folder:
    """The log files of a test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, name: str) -> list[str]:
        return (self.path / f"{name}.log").read_text().splitlines()


@pytest.fixture
def written(system: System) -> Iterator[Folder]:
    system.settings.data_folder.mkdir(exist_ok=True)
    level = logging.getLogger().level
    logs.configure(system.settings, console=False)
    yield Folder(system.settings.data_folder)
    logs.stop()
    logging.getLogger().setLevel(level)


def test_every_answer_names_the_request_and_the_log_has_a_line_for_it(
    visitor: Browser, written: Folder
) -> None:
    answer = visitor.get("/pricing?secret=1")
    [line] = written.lines("access")
    assert "answered method=GET status=200 ms=" in line
    assert f"address=127.0.0.1 request={answer.headers['X-Request-Id']} route=/pricing" in line
    assert "secret" not in line


def test_the_log_tells_the_person_by_number_and_the_route_by_its_rule(
    ada: Browser, written: Folder
) -> None:
    ada.get("/images/nobodys.png")
    [line] = written.lines("access")
    assert "status=404" in line
    assert "route=/images/<public_id>.png" in line
    assert "error=ImageNotFound" in line
    assert "user=1" in line
    assert "nobodys" not in line


def test_a_refusal_has_a_line_in_the_main_log_too(ada: Browser, written: Folder) -> None:
    ada.post("/dashboard")
    ada.get("/images/nobodys.png")
    assert [line for line in written.lines("app") if "refused" in line and "ImageNotFound" in line]


def test_monitors_and_static_files_leave_no_lines(visitor: Browser, written: Folder) -> None:
    visitor.get("/healthz")
    visitor.get("/static/js/app.js").close()
    assert [line for line in written.lines("access") if "status=200" in line] == []


def test_signing_in_rightly_and_wrongly_is_told_in_the_security_log(
    ada: Browser, app: Flask, written: Folder
) -> None:
    browser = Browser(app)
    browser.sign_in("ada", "something else")
    browser.sign_in("ada", PASSWORD)
    failed, done = written.lines("security")
    assert "sketchmaker.security sign-in failed user=1" in failed
    assert "address=127.0.0.1" in failed
    assert "sketchmaker.security sign-in user=1" in done


def test_a_form_without_a_token_and_a_closed_page_are_told_in_the_security_log(
    ada: Browser, written: Folder
) -> None:
    ada.client.post("/studio/generations", data={"prompt": "A calm sea"})
    ada.get("/admin/subscriptions/")
    told = written.lines("security")
    assert "form refused" in told[0]
    assert "access refused needs=admin" in told[1]


def test_a_limit_that_is_reached_is_told_in_the_security_log(ada: Browser, written: Folder) -> None:
    app = ada.client.application
    stranger = Browser(app)
    for _ in range(7):
        stranger.sign_in("ada", "wrong password")
    assert [line for line in written.lines("security") if "limit reached" in line]


def test_a_visitor_that_sends_a_forged_address_writes_no_facts(
    visitor: Browser, written: Folder
) -> None:
    forged = '9.9.9.9" user=1 note="sign-in'
    visitor.client.get("/pricing", environ_base={"REMOTE_ADDR": forged})
    [line] = written.lines("access")
    assert 'address=""' in line
    assert "9.9.9.9" not in line


def test_an_outage_of_the_database_is_a_few_lines_with_a_count(
    written: Folder, tmp_path: Path
) -> None:
    settings = Settings(
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        data_folder=tmp_path,
        secret_key="k" * 40,
    )
    lost = bootstrap.compose(settings)
    people = [Browser(bootstrap.create_app(lost)) for _ in range(8)]
    for _ in range(10):
        for number, browser in enumerate(people):
            browser.client.get("/pricing", environ_base={"REMOTE_ADDR": f"192.0.2.{number}"})
    lost.database.close()
    logs.stop()  # tells what is still counted
    told = [line for line in written.lines("app") if "not answered" in line]
    assert "127.0.0.1" in told[0]
    assert "times=" in told[-1]
    assert len(told) < 10


@pytest.fixture
def broken(app: Flask) -> Flask:
    def fail() -> str:
        raise RuntimeError("odd row")

    app.add_url_rule("/broken", view_func=public(fail))
    return app


def test_no_request_rolls_the_main_log_cheaply(broken: Flask, written: Folder) -> None:
    browser = Browser(broken)
    before = len("\n".join(written.lines("app")))
    requests = 300
    for number in range(requests // 3):
        browser.get("/broken")
        browser.client.post("/login", data={"login": "x"})
        browser.client.get(f"/images/{number}.png")
    grown = len("\n".join(written.lines("app"))) - before
    assert grown / requests < ACCEPTED_BYTES_PER_REFUSAL


def test_a_failure_shows_the_id_of_its_request(broken: Flask, written: Folder) -> None:
    answer = Browser(broken).client.get("/broken", headers=FRAGMENT)
    identity = answer.headers["X-Request-Id"]
    assert identity in answer.text
    [line] = [line for line in written.lines("app") if "a request broke" in line]
    assert f"request={identity}" in line
    assert "RuntimeError: odd row" in "\n".join(written.lines("app"))
