"""A view whose transaction met another is run again; nobody sees 503 for a deadlock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import text

from sketchmaker import bootstrap
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.database import LostRace
from sketchmaker.web.frame.access import public
from tests.support.people import reread, subscriber
from tests.support.web_system import composed

TAKE_TWO = text("UPDATE user_subscriptions SET cycle = cycle + 1 WHERE id = :id")


@pytest.fixture
def system(postgres_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[System]:
    made = composed(postgres_url, tmp_path, clock)
    yield made
    made.database.close()


@pytest.fixture
def app(system: System) -> Flask:
    return bootstrap.create_app(system)


def add_view(app: Flask, path: str, view: Callable[..., str]) -> None:
    app.add_url_rule(path, endpoint=path, view_func=public(view), methods=["GET"])


@pytest.mark.race
def test_two_requests_that_deadlock_are_both_answered(
    system: System, app: Flask, clock: ManualClock
) -> None:
    people = [subscriber(system.database, now=clock.now()) for _ in range(2)]
    both_have_one = Barrier(2)
    meetings: list[int] = []

    def cross(first: int, second: int) -> str:
        with system.database.transaction() as session:
            session.execute(TAKE_TWO, {"id": people[first].id})
            if len(meetings) < 2:
                meetings.append(first)
                both_have_one.wait(120)
            session.execute(TAKE_TWO, {"id": people[second].id})
        return "crossed"

    add_view(app, "/cross/<int:first>/<int:second>", cross)
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda path: app.test_client().get(path), ["/cross/0/1", "/cross/1/0"])
        )

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [reread(system.database, person).cycle for person in people] == [2, 2]


def test_a_view_that_has_committed_something_is_not_run_again(system: System, app: Flask) -> None:
    runs: list[int] = []

    def commit_and_lose() -> str:
        runs.append(1)
        with system.database.transaction() as session:
            session.execute(text("SELECT 1"))
        raise LostRace

    add_view(app, "/lose", commit_and_lose)
    assert app.test_client().get("/lose").status_code == 503
    assert len(runs) == 1


def test_a_view_that_loses_every_time_ends_with_an_answer(app: Flask) -> None:
    def lose() -> str:
        raise LostRace

    add_view(app, "/lose", lose)
    answer = app.test_client().get("/lose")
    assert answer.status_code == 503
    assert "Back in a moment" in answer.text
