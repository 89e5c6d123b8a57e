"""`books verify` and `books repair`, as an operator uses them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.commands import long_wait, sketchmaker
from sketchmaker.credits.tables import UserSubscription
from sketchmaker.database import Database
from tests.credits.busy_books import ADA, make_busy
from tests.support import programs
from tests.support.people import ledger_of
from tests.support.planting import plant

Run = Callable[..., Result]

MINTED = (
    "UPDATE user_subscriptions SET credits_remaining = credits_remaining + 1, "
    f"cycle_allowance = cycle_allowance + 1 WHERE id = {ADA}"
)
OF_NOBODY = "UPDATE usage_history SET user_id = 999 WHERE id = 1"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKETCHMAKER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(sketchmaker, ["books", *arguments])


def make_admin(database: Database) -> None:
    with database.transaction() as session:
        admin = session.get_one(User, ADA)
        admin.username_key, admin.role = "root", Role.ADMIN


def test_books_that_close(database: Database, run: Run) -> None:
    make_busy(database)

    done = run("verify")

    assert done.exit_code == 0, done.output
    assert done.output == "The books close: every invariant holds for every row.\n"


def test_books_that_do_not_close(database: Database, run: Run) -> None:
    make_busy(database)
    plant(database, MINTED, OF_NOBODY)

    done = run("verify")

    assert done.exit_code == 1
    # Damage is planted on PostgreSQL with its CHECKs out of the way.
    *named, last = [line for line in done.output.splitlines() if "schema" not in line]
    assert any(line.startswith(f"B4 subscription {ADA}:") for line in named)
    assert any(line.startswith("B27 ledger row 1:") for line in named)
    assert last.startswith("3 violations (B4 1, B27 2).")


def test_a_lost_guard_is_told_though_the_books_close(database: Database, run: Run) -> None:
    make_busy(database)
    with database.transaction() as session:
        session.execute(text("DROP INDEX uq_usage_history_reset"))

    done = run("verify")

    assert done.exit_code == 1
    told, books, last = done.output.splitlines()
    assert told.startswith("schema: The unique index uq_usage_history_reset of usage_history is ")
    assert books == "The books close: every invariant holds for every row."
    assert last == "The schema that guards them lacks 1 of its parts: see above."


def test_a_line_and_the_bar_do_not_write_over_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(long_wait, "PATIENCE_SECONDS", -1.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    with long_wait.LongWait("Verifying") as wait:
        wait(1, 4)
        capsys.readouterr()
        wait.say("B4 subscription 1")
        wait(3, 4)

    out, err = capsys.readouterr()
    assert out == "B4 subscription 1\n"
    assert err.startswith("\r\x1b[K")


def test_a_database_that_was_never_set_up(tmp_path: Path) -> None:
    done = programs.run(tmp_path, "-m", "sketchmaker", "books", "verify")

    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "run python setup_subscriptions.py" in line


def test_a_repair_is_only_proposed(database: Database, run: Run) -> None:
    make_busy(database)
    plant(database, MINTED)

    done = run("repair")

    assert done.exit_code == 1
    assert "credits_remaining 105 → 104. Add an entry that says so." in done.output
    assert "Nothing was changed." in done.output
    assert run("verify").exit_code == 1


def test_a_repair_mends(database: Database, run: Run) -> None:
    make_busy(database)
    plant(database, MINTED)
    make_admin(database)

    done = run("repair", "--apply", "--by", "root", "--reason", "A script of ours was wrong.")

    assert done.exit_code == 0, done.output
    assert "The books close" in run("verify").output
    assert "Nothing was changed" not in done.output


def test_a_repair_that_leaves_something_to_a_person(database: Database, run: Run) -> None:
    make_busy(database)
    plant(database, OF_NOBODY)
    make_admin(database)

    done = run("repair", "--apply", "--by", "root", "--reason", "Whoever it was.")

    assert done.exit_code == 1
    assert "No entry mends this." in done.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "needs a name and a reason"),
        (["--by", "root"], "needs a name and a reason"),
        (["--by", "root", "--reason", " "], "needs a name and a reason"),
        (["--by", "nobody", "--reason", "Why."], "not an active administrator"),
        (["--by", "person", "--reason", "Why."], "not an active administrator"),
    ],
)
def test_who_may_not_repair(database: Database, run: Run, options: list[str], told: str) -> None:
    make_busy(database)
    plant(database, MINTED)
    make_admin(database)
    plant(database, "UPDATE users SET username_key = 'person' WHERE id = 2")

    done = run("repair", "--apply", *options)

    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert told in line
    assert run("verify").exit_code == 1


def test_the_ledger_is_never_edited(database: Database, run: Run) -> None:
    make_busy(database)
    plant(database, MINTED)
    make_admin(database)
    with database.reading() as session:
        ada = session.get_one(UserSubscription, ADA)
    before = [(row.id, row.credits_delta, row.details) for row in ledger_of(database, ada)]

    run("repair", "--apply", "--by", "root", "--reason", "Why.")

    after = [(row.id, row.credits_delta, row.details) for row in ledger_of(database, ada)]
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
