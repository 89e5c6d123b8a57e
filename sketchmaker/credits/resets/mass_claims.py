"""Which of many due subscriptions are plain, and when each of them resets next.

Plain is a subscription of which exactly one boundary has passed, at the usual distance from the
last, and which never failed.

Dates are those of `cycle`. SQLite calls it; PostgreSQL, which may know a zone by other rules and
takes the second of two equal wall-clock times where `cycle` takes the first, is told of the zones
by `zone_periods`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Interval,
    TextualSelect,
    any_,
    bindparam,
    column,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import Session

from sketchmaker.credits.cycle import cycle_start
from sketchmaker.credits.resets.reset_plan import SHORTEST_CYCLE
from sketchmaker.credits.resets.zone_periods import Period, zone_periods
from sketchmaker.credits.tables import SUBSCRIPTIONS
from sketchmaker.database import UtcDateTime


def is_among(session: Session, subscription_ids: Sequence[int]) -> ColumnElement[bool]:
    """One parameter, however many numbers: thousands of them are slow, and may be refused."""
    if session.get_bind().dialect.name == "postgresql":
        return SUBSCRIPTIONS.c.id == any_(literal(list(subscription_ids), ARRAY(BigInteger)))
    listed = func.json_each(json.dumps(list(subscription_ids))).table_valued("value")
    return SUBSCRIPTIONS.c.id.in_(select(listed.c.value))


def postgres_parameters(
    session: Session, subscription_ids: Sequence[int], now: datetime
) -> dict[str, Any]:
    """What `POSTGRES_PLAIN` is told of these subscriptions."""
    return {
        "ids": list(subscription_ids),
        "shortest": SHORTEST_CYCLE,
        "periods": _periods(session, subscription_ids, now),
    }


def sqlite_parameters(session: Session, subscription_ids: Sequence[int]) -> dict[str, Any]:
    """What `SQLITE_PLAIN` is told of these subscriptions; with the rule of dates as a function."""
    connection: Any = session.connection().connection.driver_connection
    connection.create_function("cycle_start", 3, _cycle_start, deterministic=True)
    return {
        "ids": json.dumps(list(subscription_ids)),
        "shortest": f"-{SHORTEST_CYCLE // timedelta(days=1)} days",
    }


def _cycle_start(anchor: str, n: int, zone: str) -> str | None:
    """`cycle.cycle_start`, called by SQLite, in which instants are text without a zone.

    None for what is no instant, or no zone: such a row is not plain, and fails alone.
    """
    with suppress(*_NO_SUCH_ZONE, TypeError, OverflowError):
        start = cycle_start(datetime.fromisoformat(anchor).replace(tzinfo=UTC), n, zone)
        return start.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return None


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

_NOW = bindparam("now", type_=UtcDateTime)

# The rows are claimed by their numbers alone. With the conditions of plainness in it, the planner
# takes few rows for plain and reads the whole table for every batch.
POSTGRES_PLAIN: TextualSelect = (
    text("""
WITH periods AS MATERIALIZED (
    SELECT * FROM json_to_recordset(CAST(:periods AS json)) AS period (
        zone text, since timestamp, until timestamp, wall_since timestamp, wall_until timestamp,
        ahead interval, behind interval)
), claimed AS MATERIALIZED (
    SELECT s.*, s.subscription_start AT TIME ZONE 'UTC' AS anchor
    FROM user_subscriptions AS s
    WHERE s.id = ANY(:ids) AND s.is_active IS true AND s.next_credit_reset <= :now
      AND NOT EXISTS (
          SELECT FROM suspended_resets AS a
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
)
SELECT * FROM dated AS s
WHERE s.following > :now AND s.next_credit_reset - s.last_credit_reset >= :shortest
  AND NOT EXISTS (SELECT FROM suspended_resets AS a WHERE a.subscription_id = s.id)
""")
    .bindparams(
        _NOW,
        bindparam("shortest", type_=Interval),
        bindparam("ids", type_=ARRAY(BigInteger)),
    )
    .columns(
        *(column(each.name, each.type) for each in SUBSCRIPTIONS.c),
        column("following", UtcDateTime),
    )
)

# Datetimes are text here, "2026-01-31 12:00:00.000000"; what is not written so is not plain.
SQLITE_PLAIN = text("""
WITH dated AS MATERIALIZED (
    SELECT s.id,
           cycle_start(s.subscription_start, s.cycle + 2 - s.anchor_cycle, s.time_zone) AS following
    FROM json_each(:ids) AS listed
    CROSS JOIN user_subscriptions AS s ON s.id = listed.value
    WHERE s.is_active IS 1 AND s.next_credit_reset <= :now AND length(s.next_credit_reset) = 26
      AND s.last_credit_reset
          <= datetime(s.next_credit_reset, :shortest) || substr(s.next_credit_reset, 20)
      AND NOT EXISTS (SELECT 1 FROM suspended_resets AS a WHERE a.subscription_id = s.id)
)
SELECT count(*), json_group_array(json_array(id, following)) FROM dated WHERE following > :now
""").bindparams(_NOW)
