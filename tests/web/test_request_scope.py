"""A page costs one read transaction and one look at the clock, whoever opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from sketchmaker import bootstrap
from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.conftest import START
from tests.support.addresses import example, policies
from tests.support.web_system import PASSWORD, composed, enrolled
from tests.web.accounts.browser import Browser
from tests.web.studio_use import Studio


class CountingClock(ManualClock):
    """A clock that knows how often it was read."""

    reads = 0

    def now(self) -> datetime:
        """The time that was set last."""
        self.reads += 1
        return super().now()


@dataclass
class Costs:
    """What requests have cost: transactions, looks at the clock, connections held at once."""

    begun: int = 0
    clock_reads: int = 0
    held: set[Any] = field(default_factory=set)
    most_held: int = 0


@pytest.fixture
def clock() -> CountingClock:
    return CountingClock(START)


@pytest.fixture
def system(database_url: str, clock: CountingClock, tmp_path: Path) -> Iterator[System]:
    system = composed(database_url, tmp_path / "data", clock)
    yield system
    system.database.close()


@contextmanager
def watched(database: Database, clock: CountingClock) -> Iterator[Costs]:
    costs, read_before = Costs(), clock.reads

    def begin(_connection: Any) -> None:
        costs.begun += 1

    def checkout(connection: Any, *_: Any) -> None:
        costs.held.add(connection)
        costs.most_held = max(costs.most_held, len(costs.held))

    def checkin(connection: Any, *_: Any) -> None:
        costs.held.discard(connection)

    heard = [
        listener
        for engine in database.engines
        for listener in (
            (engine, "begin", begin),
            (engine, "checkout", checkout),
            (engine, "checkin", checkin),
        )
    ]
    for listener in heard:
        event.listen(*listener)
    yield costs
    costs.clock_reads = clock.reads - read_before
    for listener in heard:
        event.remove(*listener)


def addresses(app: Flask, arguments: dict[str, dict[str, object]], method: str) -> Iterator[str]:
    """An address for every rule of people's pages; `arguments` by the rule's blueprint."""
    for rule, policy in policies(app):
        if method in (rule.methods or ()) and not policy.for_machines:
            chosen = arguments.get(rule.endpoint.partition(".")[0], {})
            wanted = {name: chosen.get(name, example(rule, name, "1")) for name in rule.arguments}
            yield app.url_map.bind("localhost").build(rule.endpoint, wanted)


@pytest.fixture
def studio(system: System, app: Flask) -> Studio:
    """A superadmin with one image."""
    enrolled(system, "ada", plan="pro", role=Role.SUPERADMIN)
    browser = Browser(app)
    browser.sign_in("ada", PASSWORD)
    return Studio(browser, system)


@pytest.fixture
def app(system: System) -> Flask:
    return bootstrap.create_app(system)


def test_every_page_costs_one_read_transaction_and_one_look_at_the_clock(
    app: Flask, system: System, clock: CountingClock, studio: Studio
) -> None:
    made = studio.make()
    arguments: dict[str, dict[str, object]] = {
        "studio": {"public_id": made},
        "gallery": {"public_id": studio.image_ids()[0]},
    }
    dear, opened = [], 0
    for address in addresses(app, arguments, "GET"):
        for browser in (studio.browser, Browser(app)):
            with watched(system.database, clock) as costs:
                answer = browser.get(address)
            answer.close()
            opened += answer.status_code == 200
            if costs.begun > 1 or costs.clock_reads > 1:
                dear.append((address, answer.status_code, costs))
    assert opened > 20
    assert dear == []


def test_no_form_holds_two_connections_at_once(
    app: Flask, system: System, clock: CountingClock, studio: Studio
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False  # tested elsewhere; here it would answer first
    made = studio.make()
    arguments: dict[str, dict[str, object]] = {
        "studio": {"public_id": made},
        "gallery": {"public_id": studio.image_ids()[0]},
    }
    greedy = []
    for address in addresses(app, arguments, "POST"):
        studio.browser.client.post("/login", data={"login": "ada", "password": PASSWORD})
        with watched(system.database, clock) as costs:
            answer = studio.browser.client.post(address, data={"prompt": "A sea", "new": PASSWORD})
            answer.close()
        assert answer.status_code < 500
        if costs.most_held > 1 or costs.held:
            greedy.append((address, answer.status_code, costs))
    assert greedy == []


def test_the_answer_to_a_form_shows_what_it_wrote(studio: Studio) -> None:
    before = studio.balance()
    answer = studio.send("A calm sea", count="2")
    assert answer.status_code == 200
    assert studio.balance() == before - 2
    assert f">{before - 2:,}<" in answer.text
