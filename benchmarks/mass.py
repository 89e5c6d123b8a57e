"""How fast a million resets go, beside one hand-written transaction that does the same."""

import multiprocessing
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import psycopg
from sqlalchemy import make_url

from benchmarks.people import ALL_DUE
from sketchmaker.clock import uptime_seconds
from sketchmaker.database import Database
from sketchmaker.scheduling.reset_runner import ResetRunner

POSTGRES_ENTRIES = """
INSERT INTO usage_history (user_id, subscription_id, action, credits_used, credits_delta,
                           bonus_delta, balance_after, cycle, metadata, created_at)
SELECT s.user_id, s.id, 'monthly_reset', 0,
       p.monthly_credits - (s.credits_remaining - s.bonus_remaining)
                         - (s.credits_held - s.bonus_held), 0,
       p.monthly_credits + s.bonus_remaining, s.cycle + 1,
       json_build_object(
           'plan', p.display_name,
           'due_at', replace(to_char(s.next_credit_reset AT TIME ZONE 'UTC',
                                     'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || '+00:00',
           'expired', s.credits_remaining - s.bonus_remaining, 'granted', p.monthly_credits,
           'caught_up', s.next_credit_reset < %(late)s, 'missed', false), %(now)s
FROM user_subscriptions AS s
JOIN subscription_plans AS p ON p.id = coalesce(s.next_plan_id, s.plan_id)
WHERE s.is_active IS true AND s.next_credit_reset <= %(now)s
"""

POSTGRES_RESET = """
UPDATE user_subscriptions AS s
SET credits_remaining = p.monthly_credits + s.bonus_remaining, cycle_allowance = p.monthly_credits,
    credits_held = s.bonus_held, credits_used_this_month = 0, credits_revoked = 0, bonus_used = 0,
    plan_id = p.id, next_plan_id = NULL, cycle = s.cycle + 1,
    last_credit_reset = s.next_credit_reset,
    next_credit_reset = (s.subscription_start AT TIME ZONE 'UTC'
        + make_interval(months => s.cycle + 2 - s.anchor_cycle)) AT TIME ZONE 'UTC'
FROM subscription_plans AS p
WHERE p.id = coalesce(s.next_plan_id, s.plan_id)
  AND s.is_active IS true AND s.next_credit_reset <= %(now)s
"""

SQLITE_ENTRIES = """
INSERT INTO usage_history (user_id, subscription_id, action, credits_used, credits_delta,
                           bonus_delta, balance_after, cycle, metadata, created_at)
SELECT s.user_id, s.id, 'monthly_reset', 0,
       p.monthly_credits - (s.credits_remaining - s.bonus_remaining)
                         - (s.credits_held - s.bonus_held), 0,
       p.monthly_credits + s.bonus_remaining, s.cycle + 1,
       json_object(
           'plan', p.display_name,
           'due_at', replace(replace(s.next_credit_reset, ' ', 'T'), '.000000', '') || '+00:00',
           'expired', s.credits_remaining - s.bonus_remaining, 'granted', p.monthly_credits,
           'caught_up', json(CASE WHEN s.next_credit_reset < :late THEN 'true' ELSE 'false' END),
           'missed', json('false')), :now
FROM user_subscriptions AS s
JOIN subscription_plans AS p ON p.id = coalesce(s.next_plan_id, s.plan_id)
WHERE s.is_active IS 1 AND s.next_credit_reset <= :now
"""

_FIRST_DAY = (
    "date(s.subscription_start, 'start of month', (s.cycle + 2 - s.anchor_cycle) || ' months')"
)
SQLITE_RESET = f"""
UPDATE user_subscriptions AS s
SET credits_remaining = p.monthly_credits + s.bonus_remaining, cycle_allowance = p.monthly_credits,
    credits_held = s.bonus_held, credits_used_this_month = 0, credits_revoked = 0, bonus_used = 0,
    plan_id = p.id, next_plan_id = NULL, cycle = s.cycle + 1,
    last_credit_reset = s.next_credit_reset,
    next_credit_reset = substr({_FIRST_DAY}, 1, 8)
        || min(substr(s.subscription_start, 9, 2),
               substr(date({_FIRST_DAY}, '+1 month', '-1 day'), 9, 2))
        || substr(s.subscription_start, 11)
FROM subscription_plans AS p
WHERE p.id = coalesce(s.next_plan_id, s.plan_id)
  AND s.is_active IS 1 AND s.next_credit_reset <= :now
"""


def by_hand(url: str) -> float:
    """Resets a second of one transaction: an INSERT and an UPDATE over everything that is due."""
    return _sqlite_by_hand(url) if url.startswith("sqlite") else _postgres_by_hand(url)


def by_runners(url: str, *, processes: int) -> float:
    """Resets a second of so many scheduler processes, each draining what is due."""
    spawning = multiprocessing.get_context("spawn")
    gate = spawning.Barrier(processes)
    results: Queue[tuple[int, float, float]] = spawning.Queue()
    runners = [
        spawning.Process(target=run_to_the_end, args=(url, gate, results)) for _ in range(processes)
    ]
    for runner in runners:
        runner.start()
    done = [results.get(timeout=3600) for _ in runners]
    for runner in runners:
        runner.join()
    began, ended = min(begin for _, begin, _ in done), max(end for _, _, end in done)
    return sum(count for count, _, _ in done) / (ended - began)


def run_to_the_end(url: str, gate: Barrier, results: "Queue[tuple[int, float, float]]") -> None:
    """The work of one scheduler process: as its job does it, but for waking up."""
    database = Database(url)
    runner = ResetRunner(database, MovedClock(ALL_DUE))
    gate.wait()
    began = time.monotonic()
    count = runner.run()
    results.put((count, began, time.monotonic()))
    database.close()


class MovedClock:
    """A clock that runs as any, from another moment on."""

    leap: timedelta | None = None

    def __init__(self, start: datetime) -> None:
        self._start, self._at = start, uptime_seconds()

    def now(self) -> datetime:
        """The moment that it would be."""
        return self._start + timedelta(seconds=uptime_seconds() - self._at)

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        time.sleep(seconds)


def _postgres_by_hand(url: str) -> float:
    moments = {"now": ALL_DUE, "late": ALL_DUE - timedelta(hours=1)}
    with psycopg.connect(url.replace("+psycopg", ""), options="-c timezone=UTC") as connection:
        began = time.monotonic()
        connection.execute(POSTGRES_ENTRIES, moments)
        count = connection.execute(POSTGRES_RESET, moments).rowcount
        connection.commit()
        return count / (time.monotonic() - began)


def _sqlite_by_hand(url: str) -> float:
    form = "%Y-%m-%d %H:%M:%S.%f"
    moments = {
        "now": ALL_DUE.strftime(form),
        "late": (ALL_DUE - timedelta(hours=1)).strftime(form),
    }
    path = str(make_url(url).database)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        began = time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(SQLITE_ENTRIES, moments)
        count = connection.execute(SQLITE_RESET, moments).rowcount
        connection.execute("COMMIT")
        return count / (time.monotonic() - began)
