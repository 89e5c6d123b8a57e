"""Who forgot their password has a link mailed, and nobody learns whether an account exists."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from sketchmaker import bootstrap, membership
from sketchmaker.accounts.letters import DELIVERER
from sketchmaker.accounts.tables import PasswordResetLink, User
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.delivery.mail import Mailer
from sketchmaker.record.outbox_tables import OutboxRow
from tests.accounts.people import NEW_PASSWORD
from tests.support.actors import SOMEBODY
from tests.support.smtp_server import PostOffice, mail_settings, post_office
from tests.support.web_system import composed, enrolled
from tests.web.accounts.browser import Browser

ADDRESS = "ada@example.org"


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


@pytest.fixture
def system(
    database_url: str, clock: ManualClock, tmp_path: Path, office: PostOffice
) -> Iterator[System]:
    made = composed(database_url, tmp_path, clock, mail=mail_settings(office))
    enrolled(made, "ada")
    yield made
    made.database.close()


@pytest.fixture
def app(system: System) -> Flask:
    return bootstrap.create_app(system)


def ask(browser: Browser, email: str = ADDRESS) -> str:
    """Fill in the form; what the next page says."""
    answer = browser.post("/forgot-password", {"email": email})
    assert answer.location == "/login"
    return browser.get("/login").text


def deliver(system: System) -> None:
    while system.deliveries.deliver_next(DELIVERER):
        pass


def link_in(office: PostOffice) -> str:
    text = office.messages[-1].get_body(("plain",))
    assert text is not None
    found = re.search(r"https://studio\.example\.org(/reset-password/\S+)", text.get_content())
    assert found
    return found[1]


def test_a_mailed_link_sets_a_new_password_once(
    system: System, visitor: Browser, office: PostOffice
) -> None:
    assert "is on its way" in ask(visitor, " Ada@Example.org ")
    assert office.messages == []
    deliver(system)
    assert [to for _, to in office.envelopes] == [[ADDRESS]]
    link = link_in(office)
    assert visitor.post(link, {"new": NEW_PASSWORD}).location == "/login"
    assert visitor.sign_in("ada", NEW_PASSWORD).status_code == 302
    assert visitor.get(link).status_code == 404


def test_the_answer_is_the_same_for_an_address_that_is_nobodys(
    system: System, new_browser: Callable[[], Browser], office: PostOffice
) -> None:
    known, unknown = ask(new_browser()), ask(new_browser(), "eve@example.org")
    assert without_tokens(unknown).replace("eve@", "ada@") == without_tokens(known)
    deliver(system)
    assert len(office.messages) == 1
    with system.database.reading() as session:
        assert set(session.scalars(select(OutboxRow.state))) == {"delivered"}


def test_somebody_deactivated_gets_no_link(
    system: System, visitor: Browser, office: PostOffice
) -> None:
    with system.database.transaction() as session:
        session.execute(update(User).values(is_active=False))
    ask(visitor)
    deliver(system)
    assert office.messages == []


def test_the_outbox_has_no_link(system: System, visitor: Browser, office: PostOffice) -> None:
    ask(visitor)
    with system.database.reading() as session:
        assert session.scalars(select(PasswordResetLink)).all() == []
    deliver(system)
    with system.database.reading() as session:
        row = session.scalars(select(OutboxRow)).one()
    assert link_in(office).rpartition("/")[2] not in str(vars(row))


def test_a_letter_that_is_put_off_is_written_again_with_a_link_that_works(
    system: System, visitor: Browser, office: PostOffice, clock: ManualClock
) -> None:
    office.answers["RCPT"] = "451 Later"
    ask(visitor)
    deliver(system)
    office.answers.clear()
    clock.advance(Mailer.waits[0])
    deliver(system)
    assert visitor.get(link_in(office)).status_code == 200


def test_asking_is_limited_for_a_mailbox_whoever_has_it(visitor: Browser) -> None:
    for email in (ADDRESS, "eve@example.org"):
        for _ in range(3):
            ask(visitor, email)
        refused = visitor.post("/forgot-password", {"email": email.replace("@", "+tag@")})
        assert refused.status_code == 429
        assert "Links were asked for too often" in refused.text
        assert "Retry-After" in refused.headers


def test_an_address_that_nobody_can_have_is_refused(visitor: Browser) -> None:
    refused = visitor.post("/forgot-password", {"email": "ada@@example"})
    assert refused.status_code == 422
    assert 'value="ada@@example"' in refused.text


def test_the_link_leads_to_the_house_whatever_host_the_request_named(
    system: System, visitor: Browser, office: PostOffice
) -> None:
    token = visitor.csrf_token()
    visitor.client.post(
        "/forgot-password",
        data={"csrf_token": token, "email": ADDRESS},
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
    )
    deliver(system)
    assert all("evil" not in str(message) for message in office.messages)


def test_what_was_asked_for_somebody_who_left_is_erased(system: System, visitor: Browser) -> None:
    ask(visitor)
    with system.database.transaction() as session:
        membership.leave(session, user_id=1, now=system.clock.now(), by=SOMEBODY, reason="A test.")
        assert session.scalars(select(OutboxRow)).all() == []


def without_tokens(page: str) -> str:
    return re.sub(r'"X-CSRFToken": "[^"]+"|name="csrf_token"[^>]*>', "", page)
