"""Where mail is set up, credits begin with the proof that an address is one's own."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from sketchmaker import bootstrap, membership
from sketchmaker.accounts import registration
from sketchmaker.accounts.confirmation import PATIENCE
from sketchmaker.accounts.errors import ConfirmationLinkInvalid
from sketchmaker.accounts.letters import DELIVERER
from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.tables import UserSubscription
from tests.support.actors import SOMEBODY
from tests.support.smtp_server import PostOffice, mail_settings, post_office
from tests.support.web_system import composed
from tests.web.accounts.browser import Browser

LINK = re.compile(r"https://studio\.example\.org(/confirm-address/\S+)")


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


@pytest.fixture
def system(
    database_url: str, clock: ManualClock, tmp_path: Path, office: PostOffice
) -> Iterator[System]:
    made = composed(database_url, tmp_path, clock, mail=mail_settings(office))
    yield made
    made.database.close()


@pytest.fixture
def app(system: System) -> Flask:
    return bootstrap.create_app(system)


@pytest.fixture
def link(system: System, visitor: Browser, office: PostOffice) -> str:
    """The link that ada got when she registered."""
    assert visitor.register("ada").location == "/studio"
    return mailed(system, office)


def mailed(system: System, office: PostOffice) -> str:
    while system.deliveries.deliver_next(DELIVERER):
        pass
    body = office.messages[-1].get_body(("plain",))
    assert body is not None
    found = LINK.search(body.get_content())
    assert found
    return found[1]


def plans(system: System) -> int:
    with system.database.reading() as session:
        return len(session.scalars(select(UserSubscription)).all())


def names(system: System) -> list[str]:
    with system.database.reading() as session:
        return list(session.scalars(select(User.username).order_by(User.id)))


def test_the_plan_begins_when_the_address_is_confirmed(
    link: str, system: System, visitor: Browser, clock: ManualClock
) -> None:
    assert plans(system) == 0
    assert "Confirm your e-mail address to get your credits" in visitor.get("/studio").text
    assert "Ask an admin" not in visitor.get("/studio").text
    assert "Your credits wait for you" in visitor.get("/dashboard").text
    clock.advance(timedelta(hours=3))
    assert visitor.post(link).location == "/studio"
    page = visitor.get("/studio").text
    assert "your credits are there" in page
    assert "to get your credits" not in page
    with system.database.reading() as session:
        subscription = session.scalars(select(UserSubscription)).one()
    assert (subscription.credits_remaining, subscription.subscription_start) == (10, clock.now())


def test_looking_at_the_link_proves_nothing(
    link: str, system: System, new_browser: Callable[[], Browser]
) -> None:
    assert "Is ada@example.org yours" in new_browser().get(link).text
    assert plans(system) == 0


def test_a_link_confirms_once_and_does_no_harm_again(
    link: str, system: System, new_browser: Callable[[], Browser]
) -> None:
    for _ in range(2):
        assert new_browser().post(link).location == "/login"
    assert plans(system) == 1


@pytest.mark.parametrize("changed", ["1.x", "2.{}", "1", "x.{}", "99999999999.{}", "²2.{}", "{}"])
def test_a_link_that_was_made_up_confirms_nothing(
    link: str, system: System, visitor: Browser, changed: str
) -> None:
    signature = link.rpartition(".")[2]
    made_up = "/confirm-address/" + changed.format(signature)
    assert visitor.get(made_up).status_code == 404
    assert visitor.post(made_up).status_code == 404
    assert plans(system) == 0


def test_an_order_without_proof_is_refused(link: str, visitor: Browser) -> None:
    order = {"prompt": "A calm sea", "size": "square", "count": "1", "request_key": "k" * 20}
    assert visitor.post("/studio/generations", order).status_code == 403


def test_the_letter_can_be_sent_again_but_not_without_end(
    link: str, system: System, visitor: Browser, office: PostOffice
) -> None:
    assert visitor.post("/confirm-address").location == "/dashboard"
    assert mailed(system, office) == link
    assert len(office.messages) == 2
    visitor.post("/confirm-address")
    assert visitor.post("/confirm-address").status_code == 429


def test_a_set_up_gives_no_plan_to_who_has_still_to_confirm(link: str, system: System) -> None:
    with system.database.transaction() as session:
        membership.enrol_everyone_without_a_plan(
            session, now=system.clock.now(), by=SOMEBODY, reason="A test."
        )
    assert plans(system) == 0


def test_an_account_that_nobody_confirms_gives_its_name_and_address_back(
    link: str, system: System, clock: ManualClock, new_browser: Callable[[], Browser]
) -> None:
    clock.advance(PATIENCE)
    assert give_up(system) == 0
    clock.advance(timedelta(seconds=1))
    assert give_up(system) == 1
    assert names(system) == ["deleted 1"]
    assert new_browser().get(link).status_code == 404
    assert new_browser().register("ada").location == "/studio"


def test_an_account_that_an_admin_gave_a_plan_is_kept(
    link: str, system: System, clock: ManualClock, visitor: Browser
) -> None:
    with system.database.transaction() as session:
        subscriptions.start(session, user_id=1, now=clock.now(), by=SOMEBODY, reason="A test.")
    clock.advance(PATIENCE + timedelta(seconds=1))
    assert give_up(system) == 0
    assert names(system) == ["ada"]
    assert visitor.post(link).status_code == 302
    assert plans(system) == 1


def test_without_mail_the_plan_begins_at_once(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    system = composed(database_url, tmp_path, clock)
    browser = Browser(bootstrap.create_app(system))
    browser.register("ada")
    assert plans(system) == 1
    assert "Confirm your e-mail" not in browser.get("/studio").text
    system.database.close()


def test_who_is_enrolled_by_the_shell_has_nothing_to_confirm(system: System) -> None:
    prepared = registration.prepare(
        username="bob", email="bob@example.org", password="a-long-enough-pass"
    )
    with system.database.transaction() as session:
        membership.enrol(session, prepared, now=system.clock.now(), by=SOMEBODY, reason="A test.")
    assert plans(system) == 1


def give_up(system: System) -> int:
    with system.database.transaction() as session:
        return membership.give_up_unconfirmed(
            session, now=system.clock.now(), by=SOMEBODY, reason="Not confirmed."
        )


@pytest.mark.race
def test_whoever_confirms_at_the_last_moment_has_an_account_and_a_plan_or_neither(
    link: str, system: System, clock: ManualClock
) -> None:
    clock.advance(PATIENCE + timedelta(seconds=1))
    together, token = threading.Barrier(2), link.rpartition("/")[2]

    def confirm() -> None:
        together.wait()
        with suppress(ConfirmationLinkInvalid), system.database.transaction() as session:
            secret = system.settings.secret_key
            membership.confirm_address(
                session,
                token,
                secret_key=secret,
                now=clock.now(),
                by=SOMEBODY,
                reason="",
            )

    thread = threading.Thread(target=confirm)
    thread.start()
    together.wait()
    give_up(system)
    thread.join()
    assert (names(system), plans(system)) in [(["ada"], 1), (["deleted 1"], 0)]
