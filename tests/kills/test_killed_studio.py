"""kill -9 of `python app.py` while it draws what somebody has asked for on the page."""

import re
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from sqlalchemy import select

from sketchmaker.credits.statement import statement_for
from sketchmaker.credits.tables import CreditHold, UsageHistory
from sketchmaker.database import Database
from sketchmaker.studio.tables import Generation, GenerationState
from sketchmaker.studio.worker import LEASE
from tests.kills.roles import ShiftedClock
from tests.support import programs
from tests.support.people import assert_books_close
from tests.support.waiting import wait_until
from tests.support.web_system import PASSWORD, composed, enrolled

pytestmark = pytest.mark.slow


class Visitor:
    """Somebody's browser, as far as forms go."""

    def __init__(self, address: str) -> None:
        self._address = address
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def get(self, path: str) -> str:
        with self._opener.open(self._address + path, timeout=20) as answer:
            return str(answer.read().decode())

    def post(self, path: str, *, page: str, **fields: str) -> str:
        """Send a form with the hidden fields of its page."""
        html = self.get(page)
        token = re.search(r'"X-CSRFToken": "([^"]+)"', html)
        assert token
        hidden = dict(re.findall(r'name="(request_key)"[^>]*value="([^"]+)"', html))
        form = urllib.parse.urlencode({"csrf_token": token[1], **hidden, **fields}).encode()
        with self._opener.open(self._address + path, data=form, timeout=20) as answer:
            return str(answer.read().decode())

    def is_served(self) -> bool:
        try:
            return bool(self.get("/login"))
        except OSError:
            return False


def the_generation(database: Database) -> Generation | None:
    with database.reading() as session:
        return session.scalar(select(Generation))


def is_running(database: Database) -> bool:
    generation = the_generation(database)
    return generation is not None and generation.state == GenerationState.RUNNING


def kill_while_drawing(database: Database, database_url: str, folder: Path) -> None:
    """Ask for two slow images on the page of a real process, and kill it at work."""
    port = str(programs.free_port())
    settings = {"DATABASE_URL": database_url, "SKETCHMAKER_PORT": port}
    process = programs.start(folder, "app.py", **settings)
    try:
        visitor = Visitor(f"http://127.0.0.1:{port}")
        wait_until(visitor.is_served, seconds=60, what="the start of the product")
        visitor.post("/login", page="/login", login="ada", password=PASSWORD)
        asked = {"prompt": "sandbox:slow A calm sea", "size": "square", "count": "2"}
        visitor.post("/studio/generations", page="/studio", **asked)
        wait_until(lambda: is_running(database), seconds=20, what="the drawing")
    finally:
        process.kill()
        process.communicate()


def test_a_process_killed_while_it_draws_costs_nothing_once_its_lease_is_over(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    before = composed(database_url, tmp_path / "data")
    user_id = enrolled(before, "ada").id
    before.database.close()

    kill_while_drawing(database, database_url, tmp_path)

    assert is_running(database)
    with database.reading() as session:
        held = session.scalars(select(CreditHold)).one()
        assert (held.state, held.credits_held) == ("pending", 2)

    # Another process, when the lease has passed; its housekeeping looks as soon as it starts.
    later = ShiftedClock(LEASE.total_seconds() + 60)
    system = composed(database_url, tmp_path / "data", later)
    system.start()
    try:
        wait_until(lambda: not is_running(database), seconds=20, what="the end of the generation")
    finally:
        system.shutdown()

    generation = the_generation(database)
    assert generation is not None
    assert generation.state == GenerationState.FAILED
    assert "Nothing was charged." in str(generation.failure_reason)
    with database.reading() as session:
        assert session.scalars(select(CreditHold)).one().state == "released"
        images = select(UsageHistory.credits_used).where(UsageHistory.action == "images")
        assert session.scalars(images).all() == [0]
        statement = statement_for(session, user_id, now=later.now())
    assert (statement.available, statement.held, statement.used) == (10, 0, 0)
    assert_books_close(database)
