"""Rules that compare a subscription, or a user's grants, with the sums of other rows."""

from datetime import datetime
from functools import cache

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Subquery,
    and_,
    case,
    cast,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from sketchmaker.credits.books.row_rules import IS_PENDING
from sketchmaker.credits.books.sweeps import SUBSCRIPTION, USER, Rule, Sweep, within
from sketchmaker.credits.rules import actions
from sketchmaker.credits.spending import refunds
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, SUBSCRIPTIONS

BEGINNINGS = (actions.RESET_ACTION, actions.RESTART_ACTION)
"""A cycle after the first begins with one of these rows."""

ROW = SUBSCRIPTIONS.c


def forced() -> Subquery:
    """The forced resets within the present cycle of each subscription of the range.

    `floor` is the newest row, `at` the latest instant: of another row, if the clock was set back.
    """
    at: ColumnElement[datetime] = func.max(LEDGER.c.created_at, type_=LEDGER.c.created_at.type)
    return (
        select(LEDGER.c.subscription_id, func.max(LEDGER.c.id).label("floor"), at.label("at"))
        .join(SUBSCRIPTIONS, ROW.id == LEDGER.c.subscription_id)
        .where(
            within(LEDGER.c.subscription_id),
            LEDGER.c.action == actions.FORCE_RESET_ACTION,
            LEDGER.c.cycle == ROW.cycle,
        )
        .group_by(LEDGER.c.subscription_id)
        .subquery("forced")
    )


@cache
def subscription_sweep() -> Sweep:
    """B1, B2, B4 to B6, B8 to B10, B22, B25, B32 for subscriptions."""
    lines, current, pending = _lines(), _current(), _pending()
    newest = LEDGER.alias("newest")
    source = (
        SUBSCRIPTIONS.outerjoin(lines, lines.c.subscription_id == ROW.id)
        .outerjoin(current, current.c.subscription_id == ROW.id)
        .outerjoin(pending, pending.c.subscription_id == ROW.id)
        .outerjoin(newest, newest.c.id == lines.c.newest)
    )
    rules = [
        *_row_rules(),
        *_sum_rules(lines, current),
        *_cycle_rules(lines),
        _newest_rule(newest.c.balance_after, pending),
    ]
    return Sweep(SUBSCRIPTION, ROW.id, source, rules)


def _lines() -> Subquery:
    row = LEDGER.c
    begins = row.action.in_(BEGINNINGS)
    of_its_own = and_(begins, row.cycle >= 1, row.cycle <= ROW.cycle)
    restart = row.action == actions.RESTART_ACTION
    start = and_(row.action == actions.START_ACTION, row.cycle == 0)
    return (
        select(
            row.subscription_id,
            func.sum(row.credits_delta).label("delta"),
            func.sum(row.bonus_delta).label("bonus"),
            func.max(row.id).label("newest"),
            func.count(case((begins, row.id))).label("beginnings"),
            func.count(case((of_its_own, row.cycle)).distinct()).label("cycles"),
            func.max(case((restart, row.cycle))).label("restart"),
            func.count(case((start, row.id))).label("starts"),
        )
        .join(SUBSCRIPTIONS, ROW.id == row.subscription_id)
        .where(within(row.subscription_id))
        .group_by(row.subscription_id)
        .subquery("lines")
    )


def _current() -> Subquery:
    """What the ledger says of the present cycle, since it began or was refilled by force."""
    since, row = forced(), LEDGER.c
    revoked = case((row.action == actions.ADJUSTMENT_ACTION, -row.credits_delta), else_=0)
    return (
        select(
            row.subscription_id,
            func.sum(row.credits_used).label("used"),
            func.sum(revoked).label("revoked"),
        )
        .join(SUBSCRIPTIONS, ROW.id == row.subscription_id)
        .outerjoin(since, since.c.subscription_id == row.subscription_id)
        .where(
            within(row.subscription_id),
            row.cycle == ROW.cycle,
            or_(since.c.floor.is_(None), func.coalesce(row.refund_of_id, row.id) > since.c.floor),
        )
        .group_by(row.subscription_id)
        .subquery("current_cycle")
    )


def used_and_revoked(session: Session, subscription_id: int) -> tuple[int, int]:
    """What the ledger says was used, and was taken back, in the subscription's present cycle."""
    query = select(_current())
    row = session.execute(query, {"above": subscription_id - 1, "up_to": subscription_id}).first()
    return (0, 0) if row is None else (int(row.used), int(row.revoked))


def _pending() -> Subquery:
    return (
        select(HOLDS.c.subscription_id, func.sum(HOLDS.c.credits_held).label("held"))
        .where(within(HOLDS.c.subscription_id), IS_PENDING)
        .group_by(HOLDS.c.subscription_id)
        .subquery("pending")
    )


def _row_rules() -> list[Rule]:
    left = ROW.credits_remaining - ROW.bonus_remaining
    untouched = (
        ROW.cycle_allowance
        - ROW.credits_revoked
        - (ROW.credits_held - ROW.bonus_held)
        - (ROW.credits_used_this_month - ROW.bonus_used)
    )
    should_be = case((untouched > 0, untouched), else_=0)
    negative = or_(
        ROW.cycle_allowance < 0,
        ROW.credits_revoked < 0,
        ROW.bonus_remaining < 0,
        ROW.bonus_held < 0,
        ROW.bonus_used < 0,
    )
    bonus_is_more = or_(
        ROW.credits_remaining < ROW.bonus_remaining,
        ROW.credits_held < ROW.bonus_held,
        ROW.credits_used_this_month < ROW.bonus_used,
    )
    return [
        Rule("B1", left != should_be, "Available, held, used and revoked are not the allowance.",
             should_be, left),
        Rule("B2", negative, "An amount is less than nothing.", "0 or more", "less"),
        Rule("B2", bonus_is_more, "The bonus part is more than the whole.", "a part", "more"),
        Rule("B32", ROW.is_active != ROW.subscription_end.is_(None),
             "A subscription has an end when it is not active, and only then.",
             ROW.is_active, ROW.subscription_end),
    ]  # fmt: skip


def _sum_rules(lines: Subquery, current: Subquery) -> list[Rule]:
    delta, bonus = _or_none(lines.c.delta), _or_none(lines.c.bonus)
    used, revoked = _or_none(current.c.used), _or_none(current.c.revoked)
    # Two of PostgreSQL's integers may add up to more than one of them can hold.
    books = cast(ROW.credits_remaining, BigInteger) + ROW.credits_held
    bonus_books = cast(ROW.bonus_remaining, BigInteger) + ROW.bonus_held
    return [
        Rule("B4", books != delta, "Available and held are not the sum of the ledger.",
             delta, books),
        Rule("B5", bonus_books != bonus, "The bonus is not the sum of the ledger.",
             bonus, bonus_books),
        Rule("B6", ROW.credits_used_this_month != used,
             "What was used in this cycle is not what the ledger says.",
             used, ROW.credits_used_this_month),
        Rule("B8", ROW.credits_revoked != revoked,
             "What was taken back in this cycle is not what the ledger says.",
             revoked, ROW.credits_revoked),
    ]  # fmt: skip


def _cycle_rules(lines: Subquery) -> list[Rule]:
    cycles, starts = _or_none(lines.c.cycles), _or_none(lines.c.starts)
    surplus = _or_none(lines.c.beginnings) - cycles
    restart = _or_none(lines.c.restart)
    return [
        Rule("B10", starts != 1, "The ledger begins with one start.", 1, starts),
        Rule("B22", cycles != ROW.cycle, "Each cycle from 1 to the present has its reset row.",
             ROW.cycle, cycles),
        Rule("B22", surplus != 0, "A cycle was begun twice, or one that is yet to come.",
             0, surplus),
        Rule("B25", ROW.anchor_cycle != restart, "The anchor is not that of the last restart.",
             restart, ROW.anchor_cycle),
        Rule("B25", or_(ROW.cycle < ROW.anchor_cycle, ROW.anchor_cycle < 0),
             "The cycle is earlier than its anchor.", ROW.anchor_cycle, ROW.cycle),
    ]  # fmt: skip


def _newest_rule(balance_after: ColumnElement[int], pending: Subquery) -> Rule:
    """Holds are placed without a row of the ledger; nothing else changes what is available so."""
    fell_by = balance_after - ROW.credits_remaining
    return Rule(
        "B9",
        or_(fell_by < 0, fell_by > _or_none(pending.c.held)),
        "The ledger's newest row does not lead to what is available.",
        balance_after,
        ROW.credits_remaining,
    )


@cache
def user_sweep() -> Sweep:
    """B18, B20, B21, B31 for everybody who has or had a plan."""
    rows, grants, granted = _subscriptions(), _grants(), _granted()
    source: FromClause = rows.outerjoin(grants, grants.c.user_id == rows.c.user_id).outerjoin(
        granted, granted.c.user_id == rows.c.user_id
    )
    left, bonus = _or_none(grants.c.remaining), _or_none(rows.c.bonus_remaining)
    held, bonus_held = _or_none(grants.c.held), _or_none(rows.c.bonus_held)
    given, in_ledger = _or_none(grants.c.granted), _or_none(granted.c.credits)
    expiry, noted = grants.c.expires_at, rows.c.bonus_expires_at
    rules = [
        Rule("B18", left != bonus, "The bonus is not what the grants have left.", left, bonus),
        Rule("B18", held != bonus_held, "The bonus held is not what of the grants is held.",
             held, bonus_held),
        Rule("B20", not_(func.coalesce(expiry == noted, expiry.is_(None) & noted.is_(None))),
             "The first expiry that the balance notes is not that of the grants.", expiry, noted),
        Rule("B21", given != in_ledger, "The ledger tells of other grants than there are.",
             given, in_ledger),
        Rule("B31", rows.c.active > 1, "A user has one active subscription.", 1, rows.c.active),
    ]  # fmt: skip
    return Sweep(USER, rows.c.user_id, source, rules)


def _subscriptions() -> Subquery:
    active = case((ROW.is_active == true(), 1))
    return (
        select(
            ROW.user_id,
            func.sum(ROW.bonus_remaining).label("bonus_remaining"),
            func.sum(ROW.bonus_held).label("bonus_held"),
            func.min(ROW.bonus_expires_at, type_=ROW.bonus_expires_at.type).label(
                "bonus_expires_at"
            ),
            func.count(active).label("active"),
        )
        .where(within(ROW.user_id))
        .group_by(ROW.user_id)
        .subquery("rows_of_user")
    )


def _grants() -> Subquery:
    alive = case((GRANTS.c.credits_remaining > 0, GRANTS.c.expires_at))
    return (
        select(
            GRANTS.c.user_id,
            func.sum(GRANTS.c.credits_remaining).label("remaining"),
            func.sum(GRANTS.c.credits_held).label("held"),
            func.sum(case((GRANTS.c.kind != refunds.KIND, GRANTS.c.credits_granted))).label(
                "granted"
            ),
            func.min(alive, type_=GRANTS.c.expires_at.type).label("expires_at"),
        )
        .where(within(GRANTS.c.user_id))
        .group_by(GRANTS.c.user_id)
        .subquery("grants_of_user")
    )


def _granted() -> Subquery:
    return (
        select(LEDGER.c.user_id, func.sum(LEDGER.c.bonus_delta).label("credits"))
        .where(within(LEDGER.c.user_id), LEDGER.c.action == actions.GRANT_ACTION)
        .group_by(LEDGER.c.user_id)
        .subquery("granted_by_ledger")
    )


def _or_none(total: ColumnElement[int]) -> ColumnElement[int]:
    """A sum over no rows is nothing."""
    return func.coalesce(total, 0)
