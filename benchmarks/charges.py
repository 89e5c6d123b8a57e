"""How fast credits are charged, beside what the database could do at its best."""

import itertools
import random
import sqlite3
import subprocess
import tempfile
import uuid
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from benchmarks.crew import Step
from benchmarks.people import NOTHING_DUE
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.database import Database

ONE_STATEMENT = """
\\set user_id random(1, :people)
WITH spent AS (
    UPDATE user_subscriptions
    SET credits_remaining = credits_remaining - 1,
        credits_used_this_month = credits_used_this_month + 1
    WHERE user_id = :user_id AND is_active IS true AND next_credit_reset > '{now}'
      AND credits_remaining - bonus_remaining >= 1
      AND (bonus_expires_at IS NULL OR bonus_expires_at > next_credit_reset)
    RETURNING id, user_id, cycle, credits_remaining
), entry AS (
    INSERT INTO usage_history (user_id, subscription_id, action, credits_used, credits_delta,
                               bonus_delta, balance_after, cycle, metadata, created_at)
    SELECT user_id, id, 'images', 1, -1, 0, credits_remaining, cycle, '{{}}', '{now}' FROM spent
    RETURNING id
)
SELECT cycle, credits_remaining FROM spent;
"""


def pgbench(program: Path, url: str, *, people: int, clients: int, seconds: float) -> float:
    """Charges a second by PostgreSQL's own program: one prepared statement, nothing around it."""
    where = make_url(url)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(ONE_STATEMENT.format(now=NOTHING_DUE.isoformat()))
        script.flush()
        options = ("-n", "-M", "prepared", "-j", "2", "-c", str(clients), "-T", str(int(seconds)))
        ran = subprocess.run(
            [program, *options, "-D", f"people={people}", "-f", script.name, *_connection(where)],
            check=True,
            capture_output=True,
            text=True,
        )
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("tps = ")]
    return float(line.split()[2])


def by_desk(_number: int, url: str, people: int) -> Step:
    """`CreditDesk.charge` without a key."""
    desk, chance = CreditDesk(_database(url)), random.Random()

    def charge() -> object:
        user_id = chance.randint(1, people)
        return desk.charge(user_id=user_id, credits=1, action="images", now=NOTHING_DUE)

    return charge


def by_desk_once(_number: int, url: str, people: int) -> Step:
    """`CreditDesk.charge`, each with a new key."""
    desk, chance = CreditDesk(_database(url)), random.Random()
    prefix, numbers = uuid.uuid4().hex, itertools.count()

    def charge() -> object:
        return desk.charge(
            user_id=chance.randint(1, people),
            credits=1,
            action="images",
            now=NOTHING_DUE,
            key=f"{prefix}{next(numbers)}",
        )

    return charge


def by_sqlite3(_number: int, url: str, people: int) -> Step:
    """The same UPDATE and INSERT by the sqlite3 module alone."""
    connection = sqlite3.connect(str(make_url(url).database), isolation_level=None, timeout=10)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    chance, now = random.Random(), f"{NOTHING_DUE:%Y-%m-%d %H:%M:%S.%f}"

    def charge() -> None:
        connection.execute("BEGIN IMMEDIATE")
        row: tuple[Any, ...] = connection.execute(
            "UPDATE user_subscriptions SET credits_remaining = credits_remaining - 1, "
            "credits_used_this_month = credits_used_this_month + 1 WHERE user_id = ? "
            "AND is_active IS 1 AND next_credit_reset > ? "
            "AND credits_remaining - bonus_remaining >= 1 "
            "AND (bonus_expires_at IS NULL OR bonus_expires_at > next_credit_reset) "
            "RETURNING user_id, id, credits_remaining, cycle",
            (chance.randint(1, people), now),
        ).fetchone()
        connection.execute(
            "INSERT INTO usage_history (user_id, subscription_id, action, credits_used, "
            "credits_delta, bonus_delta, balance_after, cycle, metadata, created_at) "
            "VALUES (?, ?, 'images', 1, -1, 0, ?, ?, '{}', ?)",
            (*row, now),
        )
        connection.execute("COMMIT")

    return charge


@cache
def _database(url: str) -> Database:
    return Database(url)


def _connection(url: Any) -> list[str]:
    host = url.query.get("host") or url.host
    parts = [f"host={host}"] if host else []
    parts += [f"port={url.port}"] if url.port else []
    parts += [f"password={url.password}"] if url.password else []
    return [" ".join([*parts, f"user={url.username}", f"dbname={url.database}"])]
