"""kill -9 of `python app.py` while it draws what somebody has asked for on the page."""

import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from sqlalchemy import select

from sketchmaker.bootstrap import System
from sketchmaker.credits.reading.statement import statement_for
from sketchmaker.credits.tables import CreditHold, UsageHistory
from sketchmaker.database import Database
from sketchmaker.scheduling.heartbeats import BEAT_EVERY
from sketchmaker.studio import generations
from sketchmaker.studio.requests import validated
from sketchmaker.studio.tables import Generation, GenerationState, Image
from sketchmaker.studio.worker import LEASE, Recovery
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


def has_ended(database: Database) -> bool:
    generation = the_generation(database)
    return generation is not None and generation.is_finished


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
        wait_until(visitor.is_served, what="the start of the product")
        visitor.post("/login", page="/login", login="ada", password=PASSWORD)
        asked = {"prompt": "sandbox:slow A calm sea", "size": "square", "count": "2"}
        visitor.post("/studio/generations", page="/studio", **asked)
        wait_until(lambda: is_running(database), what="the drawing")
    finally:
        process.kill()
        process.communicate()


def test_what_a_killed_process_was_drawing_is_drawn_by_another(
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

    # Another process, when the lease has passed; its housekeeping looks every ten seconds.
    assert timedelta(seconds=60) >= LEASE + 2 * BEAT_EVERY
    later = ShiftedClock(LEASE.total_seconds())
    system = composed(database_url, tmp_path / "data", later)
    system.start()
    try:
        wait_until(lambda: has_ended(database), what="the end of the generation")
    finally:
        system.shutdown()

    generation = the_generation(database)
    assert generation is not None
    assert (generation.state, generation.attempts) == (GenerationState.SUCCEEDED, 2)
    assert_delivered_once(system, database, user_id)


MOMENTS = ["before the record", "before the commit", "after the commit"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_finished_work_survives_its_process(
    database: Database, database_url: str, tmp_path: Path, moment: str
) -> None:
    system = composed(database_url, tmp_path / "data", ShiftedClock(0))
    user_id = enrolled(system, "ada").id
    generation_id = ordered(system, user_id)

    killed = subprocess.run(
        [sys.executable, "-m", "tests.kills.dying_studio", database_url, moment],
        cwd=programs.REPOSITORY,
        env=programs.environment(tmp_path) | {"STUDIO_FOLDER": str(tmp_path / "data")},
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL

    now = system.clock.now()
    if moment == "before the record":
        later = now + LEASE + timedelta(seconds=20)
        assert system.studio_worker.recover(later) == Recovery(0, requeued=1, failed=0)
        system.studio_worker.run(generation_id)
    elif moment == "before the commit":
        assert system.studio_worker.recover(now) == Recovery(1, 0, 0)
    assert_delivered_once(system, database, user_id)
    system.studio_worker.recover(now)
    assert list((tmp_path / "data" / "images" / "finished").iterdir()) == []
    assert_delivered_once(system, database, user_id)
    system.database.close()


def ordered(system: System, user_id: int) -> int:
    request = validated(prompt="A calm sea", size="square", count=2, request_key="k")
    with system.database.transaction() as session:
        return generations.submit(
            session,
            user_id=user_id,
            request=request,
            public_id="g",
            seed=1,
            now=system.clock.now(),
        ).id


def assert_delivered_once(system: System, database: Database, user_id: int) -> None:
    with database.reading() as session:
        images = list(session.scalars(select(Image)))
        assert session.scalars(select(CreditHold)).one().state == "settled"
        spent = select(UsageHistory.credits_used).where(UsageHistory.action == "images")
        assert session.scalars(spent).all() == [2]
        statement = statement_for(session, user_id, now=system.clock.now())
    assert [image.position for image in images] == [0, 1]
    for image in images:
        assert system.image_store.path(image.file_name).stat().st_size == image.byte_count
    assert (statement.available, statement.held, statement.used) == (8, 0, 2)
    assert_books_close(database)
