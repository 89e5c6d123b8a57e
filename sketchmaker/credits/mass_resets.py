"""Many resets in one statement: the plain case, worked out in SQL.

Plain is a subscription counted in UTC, of which exactly one boundary has passed, at the usual
distance from the last, and which never failed. Its rows come out as `resets` would write them, only
many times faster; `tests/credits/test_mass_resets.py` compares the two. Everything else is left to
`resets`: above all the other zones, because PostgreSQL takes the second of two equal wall-clock
times for the boundary where `cycle` takes the first, and may know a zone by newer rules.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Interval, Row, bindparam, func, select, text
from sqlalchemy.orm import Session

from sketchmaker.credits.actions import RESET_ACTION
from sketchmaker.credits.reset_plan import GRACE, SHORTEST_CYCLE, BatchDone, ResetDone
from sketchmaker.credits.tables import LEDGER
from sketchmaker.database import UtcDateTime

TOLD = 50
"""So many of a batch are described one by one; a larger one is counted."""


def reset_plain(session: Session, *, now: datetime, limit: int) -> BatchDone:
    """Claim up to `limit` due subscriptions, longest overdue first, and reset the plain of them.

    The others stay due, and claimed by this transaction.
    """
    if session.get_bind().dialect.name == "postgresql":
        return _on_postgres(session, now, limit)
    return _on_sqlite(session, now, limit)


def _on_postgres(session: Session, now: datetime, limit: int) -> BatchDone:
    # The limit is written out: as a parameter it would be unknown to the planner.
    statement = text(_POSTGRES.format(limit=int(limit))).bindparams(*_MOMENTS, _SHORTEST)
    parameters = {"now": now, "late": now - GRACE, "shortest": SHORTEST_CYCLE, **_SAME}
    rows = session.execute(statement, parameters).all()
    return BatchDone(rows[0].total if rows else 0, _told(rows, now))


def _on_sqlite(session: Session, now: datetime, limit: int) -> BatchDone:
    newest = session.scalar(select(func.max(LEDGER.c.id))) or 0
    days = f"-{SHORTEST_CYCLE // timedelta(days=1)} days"
    parameters = {"now": now, "late": now - GRACE, "shortest": days, "limit": limit, **_SAME}
    count: int = session.execute(_SQLITE_ENTRIES, parameters).rowcount  # type: ignore[attr-defined]
    if not count:
        return BatchDone(0, [])
    session.execute(_SQLITE_RESET, {"newest": newest})
    return BatchDone(
        count, _told(session.execute(_SQLITE_TOLD, {"newest": newest, "told": TOLD}), now)
    )


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


_SAME = {"action": RESET_ACTION, "told": TOLD}
_MOMENTS = (bindparam("now", type_=UtcDateTime), bindparam("late", type_=UtcDateTime))
_SHORTEST: BindParameter[timedelta] = bindparam("shortest", type_=Interval)

# The window is claimed by the index alone. With the conditions of plainness in it, the planner
# takes few rows for plain and sorts the whole table for every batch.
_POSTGRES = """
WITH claimed AS MATERIALIZED (
    SELECT s.*
    FROM user_subscriptions AS s
    WHERE s.is_active IS true AND s.next_credit_reset <= :now
      AND NOT EXISTS (
          SELECT FROM resets_set_aside AS a
          WHERE a.subscription_id = s.id AND (a.retry_at IS NULL OR a.retry_at > :now))
    ORDER BY s.next_credit_reset, s.id
    LIMIT {limit}
    FOR UPDATE OF s SKIP LOCKED
), dated AS (
    SELECT s.*, (s.subscription_start AT TIME ZONE 'UTC'
                 + make_interval(months => s.cycle + 2 - s.anchor_cycle)) AT TIME ZONE 'UTC'
                AS following
    FROM claimed AS s
), plain AS (
    SELECT s.id, s.following, s.credits_remaining - s.bonus_remaining AS expired,
           s.credits_held - s.bonus_held AS held,
           p.id AS plan_id, p.monthly_credits AS allowance, p.display_name AS plan
    FROM dated AS s
    JOIN subscription_plans AS p ON p.id = coalesce(s.next_plan_id, s.plan_id)
    WHERE s.time_zone = 'UTC' AND s.following > :now
      AND s.next_credit_reset - s.last_credit_reset >= :shortest
      AND NOT EXISTS (SELECT FROM resets_set_aside AS a WHERE a.subscription_id = s.id)
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
"""

# Datetimes are text here, "2026-01-31 12:00:00.000000": the day is characters 9 and 10, and what
# was not written so is left to `resets`.
_SQLITE_ENTRIES = text("""
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
           'caught_up', json(CASE WHEN s.next_credit_reset < :late THEN 'true' ELSE 'false' END),
           'missed', json('false')),
       :now
FROM (SELECT s.*, date(s.subscription_start, 'start of month',
                        (s.cycle + 2 - s.anchor_cycle) || ' months') AS month
      FROM user_subscriptions AS s
      WHERE s.is_active IS 1 AND s.next_credit_reset <= :now
        AND NOT EXISTS (
            SELECT 1 FROM resets_set_aside AS a
            WHERE a.subscription_id = s.id AND (a.retry_at IS NULL OR a.retry_at > :now))
      ORDER BY s.next_credit_reset, s.id
      LIMIT :limit) AS s
JOIN subscription_plans AS p ON p.id = coalesce(s.next_plan_id, s.plan_id)
WHERE s.time_zone = 'UTC'
  AND substr(s.month, 1, 8)
      || min(substr(s.subscription_start, 9, 2), substr(date(s.month, '+1 month', '-1 day'), 9, 2))
      || substr(s.subscription_start, 11) > :now
  AND substr(s.last_credit_reset, 1, 10) < date(s.next_credit_reset, :shortest)
  AND length(s.subscription_start) = 26 AND length(s.next_credit_reset) = 26
  AND NOT EXISTS (SELECT 1 FROM resets_set_aside AS a WHERE a.subscription_id = s.id)
""").bindparams(*_MOMENTS)

# The ledger rows just written say which subscriptions they are for: nobody else writes meanwhile.
_SQLITE_RESET = text("""
UPDATE user_subscriptions AS s
SET credits_remaining = p.monthly_credits + s.bonus_remaining, cycle_allowance = p.monthly_credits,
    credits_held = s.bonus_held, credits_used_this_month = 0, credits_revoked = 0, bonus_used = 0,
    plan_id = p.id, next_plan_id = NULL, cycle = s.cycle + 1,
    last_credit_reset = s.next_credit_reset,
    next_credit_reset = substr(h.month, 1, 8)
        || min(substr(s.subscription_start, 9, 2),
               substr(date(h.month, '+1 month', '-1 day'), 9, 2))
        || substr(s.subscription_start, 11)
FROM (SELECT h.subscription_id, date(t.subscription_start, 'start of month',
                                     (h.cycle + 1 - t.anchor_cycle) || ' months') AS month
      FROM usage_history AS h
      JOIN user_subscriptions AS t ON t.id = h.subscription_id
      WHERE h.id > :newest) AS h,
     subscription_plans AS p
WHERE s.id = h.subscription_id AND p.id = coalesce(s.next_plan_id, s.plan_id)
""")

_SQLITE_TOLD = text("""
SELECT s.id, s.cycle, s.cycle_allowance, s.last_credit_reset, s.next_credit_reset
FROM usage_history AS h
JOIN user_subscriptions AS s ON s.id = h.subscription_id
WHERE h.id > :newest
ORDER BY h.id
LIMIT :told
""").columns(last_credit_reset=UtcDateTime, next_credit_reset=UtcDateTime)
