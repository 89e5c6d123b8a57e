"""Health tells the truth: to monitors whether the service works, to operators why not."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, make_url, select, text

from sketchmaker import bootstrap
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import SignInSession
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.managing import rescheduling
from sketchmaker.credits.resets import guard
from sketchmaker.credits.tables.side import SuspendedReset
from sketchmaker.record import outbox
from sketchmaker.scheduling import heartbeats, housekeeper
from sketchmaker.scheduling.heartbeats import ProcessIdentity, Vitals
from sketchmaker.settings import Settings
from sketchmaker.studio.tables import Generation
from tests.support.actors import SOMEBODY
from tests.support.people import subscriber
from tests.support.waiting import wait_until
from tests.support.web_system import composed
from tests.web.accounts.browser import Browser

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
ADDRESSES = ("/livez", "/readyz", "/healthz")
STRANGER = {"REMOTE_ADDR": "203.0.113.9"}


def beat(system: System, name: str = "web-1", *, host: str = "studio", **facts: Any) -> None:
    now = system.clock.now()
    identity = ProcessIdentity(name=name, host=host, pid=77, started_at=now)
    with system.database.transaction() as session:
        heartbeats.beat(session, identity, now=now, vitals=Vitals(**facts))


def health(app: Flask) -> tuple[int, dict[str, Any]]:
    """What `/healthz` says to an operator on the machine itself."""
    answer = app.test_client().get("/healthz")
    return answer.status_code, answer.get_json()


@contextmanager
def at_work(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The product's background running, with quick heartbeats."""
    monkeypatch.setattr(housekeeper, "BEAT_EVERY", timedelta(seconds=0.2))
    system.start()
    try:
        yield
    finally:
        system.scheduler.shutdown()
        system.studio_worker.shutdown()


def await_status(app: Flask, status: str) -> dict[str, Any]:
    wait_until(lambda: health(app)[1]["status"] == status, what=status)
    return health(app)[1]


def test_all_is_well_while_a_scheduler_beats_and_nothing_is_late(
    system: System, app: Flask
) -> None:
    beat(system)
    code, report = health(app)
    assert (code, report["status"]) == (200, "ok")
    assert report["problems"] == report["attention"] == []
    assert (report["database"], report["schema"], report["writable"]) == ("ok", "ok", True)
    assert report["schedulers"]["living"] == 1
    assert report["queue"] == {"waiting": 0, "oldest_seconds": None}
    assert report["images"]["writable"] is True


@pytest.mark.parametrize("path", ADDRESSES)
def test_each_address_answers_200_while_all_is_well(system: System, app: Flask, path: str) -> None:
    beat(system)
    assert app.test_client().get(path).status_code == 200


def test_without_a_living_scheduler_the_service_is_down_and_still_ready(
    system: System, app: Flask, clock: ManualClock
) -> None:
    beat(system)
    clock.advance(timedelta(minutes=2))
    code, report = health(app)
    assert (code, report["status"]) == (503, "down")
    assert "No scheduler is alive" in report["problems"][0]
    assert app.test_client().get("/readyz").status_code == 200


def test_a_process_that_has_just_started_is_starting_and_not_down(
    app: Flask, clock: ManualClock
) -> None:
    code, report = health(app)
    assert (code, report["status"], report["problems"]) == (200, "starting", [])
    clock.advance(timedelta(minutes=2))
    code, report = health(app)
    assert (code, report["status"]) == (503, "down")


def test_one_of_two_schedulers_that_died_is_seen(
    system: System, app: Flask, clock: ManualClock
) -> None:
    beat(system, "web-1")
    beat(system, "web-2")
    clock.advance(timedelta(minutes=2))
    with system.database.transaction() as session:
        identity = ProcessIdentity("web-2", "studio", 77, clock.now())
        heartbeats.beat(session, identity, now=clock.now())
    code, report = health(app)
    assert (code, report["status"]) == (200, "attention")
    assert (report["schedulers"]["living"], report["schedulers"]["dead"]) == (1, 1)
    assert "1 scheduler(s) died" in report["attention"][0]


def test_a_dead_scheduler_that_another_start_has_replaced_worries_nobody(
    system: System, app: Flask, clock: ManualClock
) -> None:
    for number in range(5):  # killed and started again, five times
        beat(system, f"web-{number}")
        clock.advance(timedelta(minutes=2))
    beat(system, "web-9")
    report = health(app)[1]
    assert report["status"] == "ok"
    assert report["schedulers"]["dead"] == 5
    assert report["schedulers"]["not_replaced"] == 0


def test_a_start_on_another_host_replaces_nobody(
    system: System, app: Flask, clock: ManualClock
) -> None:
    beat(system, "web-1", host="a")
    clock.advance(timedelta(minutes=2))
    beat(system, "web-2", host="b")
    assert health(app)[1]["schedulers"]["not_replaced"] == 1


def test_a_thread_that_died_and_was_replaced_is_an_alarm(
    system: System, app: Flask, clock: ManualClock
) -> None:
    beat(
        system,
        thread_deaths=2,
        thread_died_at=clock.now(),
        last_error="It died.",
        last_error_at=clock.now(),
    )
    code, report = health(app)
    assert (code, report["status"]) == (200, "attention")
    assert "thread died" in report["alarms"][0]
    assert report["schedulers"]["thread_deaths"] == 2
    assert report["last_error"]["what"] == "It died."


def test_an_overdue_reset_asks_for_attention_and_says_since_when(
    system: System, app: Flask, clock: ManualClock
) -> None:
    subscriber(system.database, now=clock.now())
    clock.advance(timedelta(days=31, hours=1))
    beat(system)
    code, report = health(app)
    assert (code, report["status"]) == (200, "attention")
    assert report["overdue_resets"] == {"count": 1, "oldest_seconds": 3600.0}


def test_a_reset_suspended_by_hand_alarms_nobody(
    system: System, app: Flask, clock: ManualClock
) -> None:
    person = subscriber(system.database, now=clock.now())
    with system.database.transaction() as session:
        rescheduling.suspend(
            session, subscription_id=person.id, now=clock.now(), by=SOMEBODY, reason="A test."
        )
    clock.advance(timedelta(days=40))
    beat(system)
    code, report = health(app)
    assert (code, report["status"]) == (200, "ok")
    assert report["suspended_resets"] == {"failed": 0, "runaway": 0, "manual": 1}
    assert report["overdue_resets"]["count"] == 0


@pytest.mark.parametrize(("cause", "name"), [(guard.FAILED, "failed"), (guard.RUNAWAY, "runaway")])
def test_what_failed_or_ran_away_is_counted_and_not_called_overdue(
    system: System, app: Flask, clock: ManualClock, cause: str, name: str
) -> None:
    person = subscriber(system.database, now=clock.now())
    clock.advance(timedelta(days=40))
    beat(system)
    with system.database.transaction() as session:
        guard.suspend_failed(session, subscription_id=person.id, error="It broke.", now=clock.now())
        row = session.get_one(SuspendedReset, person.id)
        row.cause = cause
    code, report = health(app)
    assert (code, report["status"]) == (200, "attention")
    assert report["suspended_resets"][name] == 1
    assert report["overdue_resets"]["count"] == 0
    assert bool(report["alarms"]) == (cause == guard.RUNAWAY)


def test_a_clock_that_leapt_asks_for_attention(
    system: System, app: Flask, clock: ManualClock
) -> None:
    beat(system)
    clock.leap = timedelta(days=40)
    code, report = health(app)
    assert (code, report["status"]) == (200, "attention")
    assert "leapt ahead" in report["clock"]


def test_a_generation_that_nobody_takes_up_asks_for_attention(
    system: System, app: Flask, clock: ManualClock, ada: Browser
) -> None:
    assert ada.post("/studio/generations", order()).status_code < 400
    with system.database.reading() as session:
        assert len(session.scalars(select(Generation)).all()) == 1
    clock.advance(timedelta(minutes=6))
    beat(system)
    code, report = health(app)
    assert (code, report["status"]) == (200, "attention")
    assert report["queue"] == {"waiting": 1, "oldest_seconds": 360.0}


def order() -> dict[str, str]:
    return {
        "prompt": "A calm sea",
        "model": "sandbox",
        "size": "square",
        "count": "1",
        "request_key": "k" * 20,
    }


def test_strangers_learn_only_whether_it_is_well(system: System, app: Flask) -> None:
    beat(system)
    answer = app.test_client().get("/healthz", environ_base=STRANGER)
    assert answer.get_json() == {"status": "ok"}


def test_an_admin_sees_the_details_from_anywhere_and_others_do_not(
    system: System, app: Flask, person: Callable[..., Browser]
) -> None:
    beat(system)
    admin = person("grace", role=Role.ADMIN)
    ada = person("ada")
    assert "schedulers" in admin.client.get("/healthz", environ_base=STRANGER).get_json()
    assert ada.client.get("/healthz", environ_base=STRANGER).get_json() == {"status": "ok"}


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_that_nobody_told_us_of_is_not_this_machine(
    system: System, app: Flask, header: str
) -> None:
    beat(system)
    answer = app.test_client().get("/healthz", headers={header: "127.0.0.1"})
    assert answer.get_json() == {"status": "ok"}


@pytest.mark.parametrize(("forwarded", "details"), [("203.0.113.9", False), ("127.0.0.1", True)])
def test_behind_a_trusted_proxy_the_forwarded_address_decides(
    database_url: str,
    tmp_path: Path,
    clock: ManualClock,
    forwarded: str,
    details: bool,  # noqa: FBT001 - a column of the table
) -> None:
    settings = Settings(
        database_url=database_url,
        data_folder=tmp_path,
        secret_key="k" * 40,
        trusted_proxies=1,
    )
    system = bootstrap.compose(settings, clock)
    beat(system)
    client = bootstrap.create_app(system).test_client()
    # The proxy appends what it sees; what a visitor wrote before that is nobody's word.
    chain = f"127.0.0.1, {forwarded}"
    report = client.get("/healthz", headers={"X-Forwarded-For": chain}).get_json()
    assert ("schedulers" in report) is details
    system.database.close()


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_look_at_health_touches_no_session_and_sets_no_cookie(
    system: System, ada: Browser, clock: ManualClock, path: str
) -> None:
    clock.advance(timedelta(days=1))
    beat(system)
    with system.database.reading() as session:
        before = session.scalars(select(SignInSession.last_seen_at)).all()
    answer = ada.client.get(path)
    assert "Set-Cookie" not in answer.headers
    with system.database.reading() as session:
        assert session.scalars(select(SignInSession.last_seen_at)).all() == before


@pytest.fixture
def gone(system: System, app: Flask, ada: Browser, tmp_path: Path) -> Browser:
    """Somebody signed in, whose server's database has gone away meanwhile."""
    lost = composed_without_database(tmp_path)
    app.extensions["sketchmaker"] = bootstrap.create_app(lost).extensions["sketchmaker"]
    return ada


def composed_without_database(folder: Path) -> System:
    settings = Settings(
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        data_folder=folder,
        secret_key="k" * 40,
    )
    return bootstrap.compose(settings, ManualClock(START))


def test_without_the_database_the_answer_is_the_same_with_and_without_a_cookie(
    app: Flask, gone: Browser
) -> None:
    for client in (gone.client, app.test_client()):
        answer = client.get("/healthz", environ_base=STRANGER)
        assert (answer.status_code, answer.get_json()) == (503, {"status": "down"})
        ready = client.get("/readyz")
        assert (ready.status_code, ready.get_json()) == (503, {"status": "down"})
        assert client.get("/livez").status_code == 200
    assert "unavailable" in app.test_client().get("/healthz").get_json()["database"]


def test_a_schema_of_another_release_is_not_ready(system: System, app: Flask) -> None:
    beat(system)
    with system.database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert app.test_client().get("/readyz").status_code == 503
    code, report = health(app)
    assert code == 503
    assert "9999" in report["schema"]


def test_an_images_folder_that_can_not_be_written_is_seen_within_a_beat(
    system: System, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tmp_path / "data" / "images"
    with at_work(system, monkeypatch):
        await_status(app, "ok")
        images.rmdir()
        images.write_text("in the way")
        report = await_status(app, "down")
        assert report["images"]["writable"] is False
        images.unlink()
        await_status(app, "ok")


@pytest.fixture
def sqlite_app(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The product at work on SQLite, by the machine's clock."""
    system = composed(sqlite_url, tmp_path / "data")
    with at_work(system, monkeypatch):
        yield bootstrap.create_app(system)
    system.database.close()


def test_a_locked_database_is_seen_within_a_beat(
    sqlite_app: Flask, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sketchmaker.database.sqlite.BUSY_SECONDS", 0.2)
    await_status(sqlite_app, "ok")
    other = sqlite3.connect(str(make_url(sqlite_url).database), isolation_level=None)
    other.execute("PRAGMA busy_timeout=20000")
    other.execute("BEGIN IMMEDIATE")
    report = await_status(sqlite_app, "down")
    assert report["writable"] is False
    other.close()
    await_status(sqlite_app, "ok")


def test_a_full_disk_is_seen_within_a_beat(sqlite_app: Flask) -> None:
    await_status(sqlite_app, "ok")
    is_full = threading.Event()
    is_full.set()

    def refuse(*_: Any) -> None:
        if is_full.is_set():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    engine = sqlite_app.extensions["sketchmaker"].database.engine
    event.listen(engine, "do_execute", refuse)
    report = await_status(sqlite_app, "down")
    assert report["writable"] is False
    assert "full" in report["problems"][0]
    is_full.clear()
    await_status(sqlite_app, "ok")


def test_health_tells_of_messages_that_nobody_delivers(
    app: Flask, system: System, clock: ManualClock
) -> None:
    beat(system)
    with system.database.transaction() as session:
        told = outbox.Event("mail.test", "user 7", {})
        outbox.add_for(session, "post", told, now=clock.now())
    assert health(app)[1]["outbox"]["waiting"] == 1
    clock.advance(timedelta(minutes=11))
    beat(system)
    status, found = health(app)
    assert (status, found["outbox"]["oldest_seconds"]) == (200, 660)
    assert any("wait to be delivered" in note for note in found["attention"])
