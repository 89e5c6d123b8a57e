"""Schedulers started and stopped again and again on a busy machine, while resets fall due.

STARTS=300 makes three hundred starts in the first test, and 50 ends of each program in the second.
"""

import multiprocessing
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from dateutil.relativedelta import relativedelta

from sketchmaker.clock import SystemClock
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.rows import plans
from sketchmaker.database import Database
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from tests.support import programs
from tests.support.actors import SOMEBODY
from tests.support.people import add_user, assert_books_close

STARTS = int(os.environ.get("STARTS", "6"))
ENDS = max(2, STARTS // 6)
BUSY_PROCESSES = 3
BUSY_THREADS = 2
EVERY = timedelta(milliseconds=20)

GUNICORN = (
    "-m",
    "gunicorn",
    "--config",
    str(programs.REPOSITORY / "gunicorn.conf.py"),
    "--chdir",
    str(programs.REPOSITORY),
    "app:create_app()",
)
PROGRAMS = {
    "serve": (("app.py",), "stdout", "Ctrl-C stops"),
    "scheduler": (("-m", "sketchmaker", "scheduler"), "stdout", "is running"),
    "gunicorn": (GUNICORN, "stderr", "scheduler started"),
}

pytestmark = [pytest.mark.race, pytest.mark.slow]


@pytest.fixture
def _busy_machine(database: Database) -> Iterator[None]:
    """With a database ready: processes that take the cores, threads that take the interpreter."""
    spawning = multiprocessing.get_context("spawn")
    over = threading.Event()
    processes = [spawning.Process(target=burn, daemon=True) for _ in range(BUSY_PROCESSES)]
    threads = [
        threading.Thread(target=burn, args=(over,), daemon=True) for _ in range(BUSY_THREADS)
    ]
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    yield
    over.set()
    for process in processes:
        process.kill()
        process.join()
    for thread in threads:
        thread.join()


def burn(over: threading.Event | None = None) -> None:
    while over is None or not over.is_set():
        sum(range(1000))


@pytest.mark.usefixtures("_busy_machine")
def test_a_busy_machine_never_ends_the_thread_nor_disturbs_a_shutdown(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(STARTS):
        now = SystemClock().now()
        make_due(database, now - timedelta(seconds=1), people=10)
        scheduler = SubscriptionScheduler(database, SystemClock())
        scheduler.start()
        time.sleep(random.uniform(0, 0.2))
        assert scheduler.is_running, f"after start {number}"
        scheduler.shutdown()

    assert [record.getMessage() for record in caplog.records if record.levelno > 20] == []
    assert_books_close(database)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_told_to_end_while_resets_fall_due_ends_without_a_traceback(
    tmp_path: Path, program: str
) -> None:
    arguments, stream, ready = PROGRAMS[program]
    settings = {"SKETCHMAKER_PORT": str(programs.free_port())}
    assert programs.run(tmp_path, "setup_subscriptions.py", **settings).returncode == 0
    database = Database(f"sqlite:///{tmp_path}/data/sketchmaker.db")

    for _ in range(ENDS):
        make_due(database, SystemClock().now(), people=500)
        with ended(programs.start(tmp_path, *arguments, **settings)) as process:
            said = wait_for(getattr(process, stream), ready)
            time.sleep(random.uniform(0, 0.5))
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0
            assert "Traceback" not in said + errors

    assert "Traceback" not in (tmp_path / "data" / "app.log").read_text()
    assert_books_close(database)
    database.close()


def make_due(database: Database, first: datetime, *, people: int) -> None:
    with database.transaction() as session:
        plans.ensure_default_plans(session, now=first, by=SOMEBODY, reason="A test.")
        for n in range(people):
            moment = first + n * EVERY
            user = add_user(session, now=moment)
            joined = moment - relativedelta(months=1)
            subscriptions.start(
                session, user_id=user.id, now=joined, by=SOMEBODY, reason="A test."
            ).next_credit_reset = moment


def wait_for(stream: IO[str], part: str) -> str:
    said = ""
    for line in stream:
        said += line
        if part in line:
            return said
    raise AssertionError(f"{part!r} was never said, but: {said}")


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
