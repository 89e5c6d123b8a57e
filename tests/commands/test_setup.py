"""`python setup_subscriptions.py`: everything is there after it, and twice changes nothing."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sketchmaker.accounts import directory
from sketchmaker.accounts.passwords import verify_password
from sketchmaker.accounts.roles import Role
from sketchmaker.clock import ManualClock
from sketchmaker.commands.setup import Report, set_up
from sketchmaker.credits.reading.statement import statement_for
from sketchmaker.database import Database
from sketchmaker.settings import Settings, SettingsError
from tests.support import programs
from tests.support.people import add_user

TABLES = ("users", "subscription_plans", "user_subscriptions", "usage_history")


def configured(**settings: Any) -> Settings:
    return Settings(
        database_url="unused", data_folder=Path("unused"), secret_key="k" * 32, **settings
    )


def rows(database: Database) -> dict[str, list[Any]]:
    with database.reading() as session:
        return {
            table: list(session.execute(text(f"SELECT * FROM {table} ORDER BY id")))
            for table in TABLES
        }


def test_a_new_installation_has_the_plans_of_the_guide(
    database: Database, clock: ManualClock
) -> None:
    set_up(database, configured(), now=clock.now())
    with database.reading() as session:
        plans = session.execute(
            text("SELECT name, monthly_credits FROM subscription_plans ORDER BY monthly_credits")
        )
        assert [tuple(plan) for plan in plans] == [("free", 10), ("premium", 100), ("pro", 1000)]


def test_the_first_administrator_gets_a_password_shown_once(
    database: Database, clock: ManualClock
) -> None:
    admin = set_up(database, configured(), now=clock.now()).admin
    assert admin is not None
    assert admin.shown_password is not None
    with database.reading() as session:
        user = directory.find_by_login(session, "admin")
        assert user is not None
        assert user.role == Role.SUPERADMIN
        assert verify_password(user.password_hash, admin.shown_password)
        assert statement_for(session, user.id, now=clock.now()).available == 10
    assert set_up(database, configured(), now=clock.now()).admin is None


def test_the_environment_may_choose_the_administrator(
    database: Database, clock: ManualClock
) -> None:
    chosen = configured(admin_email="ada@example.org", admin_password="quite a long sentence")
    admin = set_up(database, chosen, now=clock.now()).admin
    assert admin is not None
    assert admin.shown_password is None
    with database.reading() as session:
        user = directory.find_by_login(session, "ada@example.org")
        assert user is not None
        assert verify_password(user.password_hash, "quite a long sentence")


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        ({"admin_email": "nobody"}, "SKETCHMAKER_ADMIN_EMAIL"),
        ({"admin_password": "short"}, "SKETCHMAKER_ADMIN_PASSWORD"),
    ],
)
def test_a_wrong_choice_is_named_as_the_setting(
    sqlite_database: Database, clock: ManualClock, chosen: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingsError, match=name):
        set_up(sqlite_database, configured(**chosen), now=clock.now())


def test_doing_it_twice_changes_no_row(database: Database, clock: ManualClock) -> None:
    set_up(database, configured(), now=clock.now())
    before = rows(database)
    report = set_up(database, configured(), now=clock.now())
    assert rows(database) == before
    assert (report.plans_made, report.enrolled, report.admin) == (0, 0, None)


def test_users_without_a_plan_get_the_free_one(database: Database, clock: ManualClock) -> None:
    set_up(database, configured(), now=clock.now())
    with database.transaction() as session:
        add_user(session, now=clock.now())
    report = set_up(database, configured(), now=clock.now())
    assert report.enrolled == 1
    assert report.totals.active_subscriptions == 2
    assert dict(report.totals.by_plan) == {"Free": 2, "Premium": 0, "Pro": 0}


def test_a_subscription_that_was_ended_is_not_given_back(
    database: Database, clock: ManualClock
) -> None:
    set_up(database, configured(), now=clock.now())
    with database.transaction() as session:
        session.execute(text("UPDATE user_subscriptions SET is_active = false"))
    assert set_up(database, configured(), now=clock.now()).enrolled == 0


@pytest.mark.race
def test_set_ups_that_run_at_once_make_one_administrator(
    database_url: str, clock: ManualClock
) -> None:
    together = threading.Barrier(3)
    reports: list[Report] = []

    def run() -> None:
        database = Database(database_url)
        together.wait()
        reports.append(set_up(database, configured(), now=clock.now()))
        database.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.plans_made for report in reports) == 3
    assert sum(report.admin is not None for report in reports) == 1
    assert len(reports) == 3


def test_the_program_prints_the_password_once_and_a_summary(tmp_path: Path) -> None:
    first = programs.run(tmp_path, "setup_subscriptions.py")
    assert first.returncode == 0, first.stderr
    assert re.search(r"password \S{20}", first.stdout)
    assert "Users:   1, with 1 active subscriptions" in first.stdout
    assert "By plan: Free 1, Premium 0, Pro 0" in first.stdout
    second = programs.run(tmp_path, "setup_subscriptions.py")
    assert second.returncode == 0
    assert "password" not in second.stdout
    assert "up to date" in second.stdout


def test_the_password_is_not_in_the_log(tmp_path: Path) -> None:
    first = programs.run(tmp_path, "setup_subscriptions.py")
    [password] = re.findall(r"password (\S{20})", first.stdout)
    assert password not in (tmp_path / "data" / "app.log").read_text() + first.stderr


def test_the_program_sets_up_postgresql_as_well(tmp_path: Path, postgres_url: str) -> None:
    done = programs.run(tmp_path, "setup_subscriptions.py", DATABASE_URL=postgres_url)
    assert done.returncode == 0, done.stderr
    assert "Users:   1" in done.stdout


def test_an_admins_name_without_the_role_is_told_with_what_to_do(
    database: Database, clock: ManualClock
) -> None:
    set_up(database, configured(), now=clock.now())
    with database.transaction() as session:
        session.execute(text("UPDATE users SET role = 'user'"))
    with pytest.raises(SettingsError, match="user role NAME superadmin"):
        set_up(database, configured(), now=clock.now())


def test_a_password_that_is_set_too_late_is_told_to_have_no_effect(tmp_path: Path) -> None:
    programs.run(tmp_path, "setup_subscriptions.py")
    late = {"SKETCHMAKER_ADMIN_PASSWORD": "two herons at the weir"}
    again = programs.run(tmp_path, "setup_subscriptions.py", **late)
    assert again.returncode == 0
    assert "SKETCHMAKER_ADMIN_PASSWORD has no effect" in again.stdout
    assert "user reset-password" in again.stdout
