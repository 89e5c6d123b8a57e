"""Many resets in one statement: the plain case, worked out in SQL.

Plain is a subscription of which exactly one boundary has passed, at the usual distance from the
last, and which never failed. Its rows come out as `resets` would write them, only many times
faster; `tests/credits/test_mass_resets.py` compares the two. Everything else is left to `resets`.

Dates are those of `cycle`. SQLite calls it; PostgreSQL, which may know a zone by other rules and
takes the second of two equal wall-clock times where `cycle` takes the first, is told of the zones
by `zone_periods`.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Interval,
    Row,
    any_,
    bindparam,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import Session

from sketchmaker.credits.resets.reset_plan import GRACE, SHORTEST_CYCLE, BatchDone, ResetDone
from sketchmaker.credits.resets.zone_periods import Period, zone_periods
from sketchmaker.credits.rules.actions import RESET_ACTION
from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import SUBSCRIPTIONS
from sketchmaker.database import UtcDateTime

TOLD = 50
"""So many of a batch are described one by one; a larger one is counted."""


@in_utc
def reset_plain(session: Session, subscription_ids: Sequence[int], *, now: datetime) -> BatchDone:
    """Claim those of the subscriptions that are due, and reset the plain of them.

    The others stay due, and claimed by this transaction.
    """
    parameters = {"now": now, "late": now - GRACE, "action": RESET_ACTION, "told": TOLD}
    on_postgres = session.get_bind().dialect.name == "postgresql"
    reset = _on_postgres if on_postgres else _on_sqlite
    return reset(session, subscription_ids, parameters)


def is_among(session: Session, subscription_ids: Sequence[int]) -> ColumnElement[bool]:
    """One parameter, however many numbers: thousands of them are slow, and may be refused."""
    if session.get_bind().dialect.name == "postgresql":
        return SUBSCRIPTIONS.c.id == any_(literal(list(subscription_ids), ARRAY(BigInteger)))
    listed = func.json_each(json.dumps(list(subscription_ids))).table_valued("value")
    return SUBSCRIPTIONS.c.id.in_(select(listed.c.value))


def _on_postgres(
    session: Session, subscription_ids: Sequence[int], parameters: dict[str, Any]
) -> BatchDone:
    now = parameters["now"]
    parameters |= {
        "ids": list(subscription_ids),
        "shortest": SHORTEST_CYCLE,
        "periods": _periods(session, subscription_ids, now),
    }
    rows = session.execute(_POSTGRES, parameters).all()
    return BatchDone(rows[0].total if rows else 0, _told(rows, now))


def _on_sqlite(
    session: Session, subscription_ids: Sequence[int], parameters: dict[str, Any]
) -> BatchDone:
    connection: Any = session.connection().connection.driver_connection
    connection.create_function("cycle_start", 3, _cycle_start, deterministic=True)
    parameters |= {
        "ids": json.dumps(list(subscription_ids)),
        "shortest": f"-{SHORTEST_CYCLE // timedelta(days=1)} days",
    }
    count, planned = session.execute(_SQLITE_PLAN, parameters).one()
    if not count:
        return BatchDone(0, [])
    parameters["planned"] = planned
    session.execute(_SQLITE_ENTRIES, parameters)
    session.execute(_SQLITE_RESET, parameters)
    return BatchDone(count, _told(session.execute(_SQLITE_TOLD, parameters), parameters["now"]))


def _cycle_start(anchor: str, n: int, zone: str) -> str | None:
    """`cycle.cycle_start`, called by SQLite, in which instants are text without a zone.

    None for what is no instant, or no zone: such a row is not plain, and fails alone.
    """
    with suppress(*_NO_SUCH_ZONE, TypeError, OverflowError):
        start = cycle_start(datetime.fromisoformat(anchor).replace(tzinfo=UTC), n, zone)
        return start.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return None


def _told(rows: Iterable[Row[Any]], now: datetime) -> list[ResetDone]:
    return [
        ResetDone(
            subscription_id=row.id,
            cycle=row.cycle,
            credits=row.cycle_allowance,
            due_at=row.last_credit_reset,
            next_reset=row.next_credit_reset,
            was_caught_up=now - row.last_credit_reset > GRACE,
            missed=0,
        )
        for row in rows
    ]


def _periods(session: Session, subscription_ids: Sequence[int], now: datetime) -> str:
    """The periods of all zones in which these subscriptions are counted, as JSON."""
    columns = SUBSCRIPTIONS.c
    zones = session.execute(
        select(columns.time_zone, func.min(columns.subscription_start))
        .where(is_among(session, subscription_ids))
        .group_by(columns.time_zone)
    )
    found = [period for zone, first in zones for period in _periods_of(zone, first, now)]
    return json.dumps([_in_words(period) for period in found])


def _periods_of(zone: str, first: datetime, now: datetime) -> Iterator[Period]:
    # Of a zone that nobody knows there are none: who is in it is not plain, and fails alone.
    with suppress(*_NO_SUCH_ZONE):
        yield from zone_periods(zone, first.year, now.year + 1)


def _in_words(period: Period) -> dict[str, str]:
    seconds = period.ahead // timedelta(seconds=1)
    return {
        "zone": period.zone,
        "since": f"{period.since:%Y-%m-%d %H:%M:%S}",
        "until": f"{period.until:%Y-%m-%d %H:%M:%S}",
        "wall_since": f"{period.wall_since:%Y-%m-%d %H:%M:%S}",
        "wall_until": f"{period.wall_until:%Y-%m-%d %H:%M:%S}",
        "ahead": f"{seconds:+d} seconds",
        "behind": f"{-seconds:+d} seconds",
    }


_NO_SUCH_ZONE = (KeyError, ValueError, OSError)
"""What `ZoneInfo` raises for names of no zone, of no file, and of a folder of zones."""

_MOMENTS = (bindparam("now", type_=UtcDateTime), bindparam("late", type_=UtcDateTime))

# The rows are claimed by their numbers alone. With the conditions of plainness in it, the planner
# takes few rows for plain and reads the whole table for every batch.
_POSTGRES = text("""
WITH periods AS MATERIALIZED (
    SELECT * FROM json_to_recordset(CAST(:periods AS json)) AS period (
        zone text, since timestamp, until timestamp, wall_since timestamp, wall_until timestamp,
        ahead interval, behind interval)
), claimed AS MATERIALIZED (
    SELECT s.*, s.subscription_start AT TIME ZONE 'UTC' AS anchor
    FROM user_subscriptions AS s
    WHERE s.id = ANY(:ids) AND s.is_active IS true AND s.next_credit_reset <= :now
      AND NOT EXISTS (
          SELECT FROM resets_set_aside AS a
          WHERE a.subscription_id = s.id AND (a.retry_at IS NULL OR a.retry_at > :now))
    ORDER BY s.id
    FOR UPDATE OF s SKIP LOCKED
), walled AS (
    SELECT s.*, s.anchor + a.ahead + make_interval(months => s.cycle + 2 - s.anchor_cycle) AS wall
    FROM claimed AS s
    JOIN periods AS a ON a.zone = s.time_zone AND s.anchor >= a.since AND s.anchor < a.until
), dated AS (
    SELECT s.*, (s.wall + b.behind) AT TIME ZONE 'UTC' AS following
    FROM walled AS s
    JOIN periods AS b
      ON b.zone = s.time_zone AND s.wall >= b.wall_since AND s.wall < b.wall_until
), plain AS (
    SELECT s.id, s.following, s.credits_remaining - s.bonus_remaining AS expired,
           s.credits_held - s.bonus_held AS held,
           p.id AS plan_id, p.monthly_credits AS allowance, p.display_name AS plan
    FROM dated AS s
    JOIN subscription_plans AS p ON p.id = coalesce(s.next_plan_id, s.plan_id)
    WHERE s.following > :now AND s.next_credit_reset - s.last_credit_reset >= :shortest
      AND NOT EXISTS (SELECT FROM resets_set_aside AS a WHERE a.subscription_id = s.id)
    ORDER BY s.id
), reset AS (
    UPDATE user_subscriptions AS s
    SET credits_remaining = plain.allowance + s.bonus_remaining, cycle_allowance = plain.allowance,
        credits_held = s.bonus_held, credits_used_this_month = 0, credits_revoked = 0,
        bonus_used = 0, plan_id = plain.plan_id, next_plan_id = NULL, cycle = s.cycle + 1,
        last_credit_reset = s.next_credit_reset, next_credit_reset = plain.following
    FROM plain
    WHERE s.id = plain.id
    RETURNING s.id, s.user_id, s.cycle, s.cycle_allowance, s.credits_remaining,
              s.last_credit_reset, s.next_credit_reset, plain.expired, plain.held, plain.plan
), entries AS (
    INSERT INTO usage_history
        (user_id, subscription_id, action, credits_used, credits_delta, bonus_delta,
         balance_after, cycle, metadata, created_at)
    SELECT user_id, id, :action, 0, cycle_allowance - expired - held, 0,
           credits_remaining, cycle,
           json_build_object(
               'plan', plan,
               'due_at', replace(to_char(last_credit_reset AT TIME ZONE 'UTC',
                                         'YYYY-MM-DD"T"HH24\\:MI\\:SS.US'), '.000000', '')
                         || '+00\\:00',
               'expired', expired, 'granted', cycle_allowance,
               'caught_up', last_credit_reset < :late, 'missed', false),
           :now
    FROM reset
)
SELECT id, cycle, cycle_allowance, last_credit_reset, next_credit_reset,
       (SELECT count(*) FROM reset) AS total
FROM reset
LIMIT :told
""").bindparams(
    *_MOMENTS,
    bindparam("shortest", type_=Interval),
    bindparam("ids", type_=ARRAY(BigInteger)),
)

# Datetimes are text here, "2026-01-31 12:00:00.000000"; what is not written so is not plain.
_SQLITE_PLAN = text("""
WITH dated AS MATERIALIZED (
    SELECT s.id,
           cycle_start(s.subscription_start, s.cycle + 2 - s.anchor_cycle, s.time_zone) AS following
    FROM json_each(:ids) AS listed
    CROSS JOIN user_subscriptions AS s ON s.id = listed.value
    WHERE s.is_active IS 1 AND s.next_credit_reset <= :now AND length(s.next_credit_reset) = 26
      AND s.last_credit_reset
          <= datetime(s.next_credit_reset, :shortest) || substr(s.next_credit_reset, 20)
      AND NOT EXISTS (SELECT 1 FROM resets_set_aside AS a WHERE a.subscription_id = s.id)
)
SELECT count(*), json_group_array(json_array(id, following)) FROM dated WHERE following > :now
""").bindparams(*_MOMENTS[:1])

_SQLITE_PLANNED = """
WITH planned AS MATERIALIZED (
    SELECT value ->> 0 AS id, value ->> 1 AS following FROM json_each(:planned)
)
"""

_SQLITE_ENTRIES = text(
    _SQLITE_PLANNED
    + """
INSERT INTO usage_history
    (user_id, subscription_id, action, credits_used, credits_delta, bonus_delta, balance_after,
     cycle, metadata, created_at)
SELECT s.user_id, s.id, :action, 0,
       p.monthly_credits - (s.credits_remaining - s.bonus_remaining)
                         - (s.credits_held - s.bonus_held), 0,
       p.monthly_credits + s.bonus_remaining, s.cycle + 1,
       json_object(
           'plan', p.display_name,
           'due_at', replace(replace(s.next_credit_reset, ' ', 'T'), '.000000', '') || '+00\\:00',
           'expired', s.credits_remaining - s.bonus_remaining, 'granted', p.monthly_credits,
           'caught_up', json(iif(s.next_credit_reset < :late, 'true', 'false')),
           'missed', json('false')),
       :now
FROM planned
JOIN user_subscriptions AS s ON s.id = planned.id
JOIN subscription_plans AS p ON p.id = coalesce(s.next_plan_id, s.plan_id)
"""
).bindparams(*_MOMENTS)

_SQLITE_RESET = text(
    _SQLITE_PLANNED
    + """
UPDATE user_subscriptions AS s
SET credits_remaining = p.monthly_credits + s.bonus_remaining, cycle_allowance = p.monthly_credits,
    credits_held = s.bonus_held, credits_used_this_month = 0, credits_revoked = 0, bonus_used = 0,
    plan_id = p.id, next_plan_id = NULL, cycle = s.cycle + 1,
    last_credit_reset = s.next_credit_reset, next_credit_reset = planned.following
FROM planned, subscription_plans AS p
WHERE s.id = planned.id AND p.id = coalesce(s.next_plan_id, s.plan_id)
"""
)

_SQLITE_TOLD = text(
    _SQLITE_PLANNED
    + """
SELECT s.id, s.cycle, s.cycle_allowance, s.last_credit_reset, s.next_credit_reset
FROM planned JOIN user_subscriptions AS s ON s.id = planned.id
LIMIT :told
"""
).columns(last_credit_reset=UtcDateTime, next_credit_reset=UtcDateTime)
